import { parseJson } from '../../api/json-values.ts';
import type { Connection } from '../../kube/connection.ts';
import { recordAt, textAt } from '../../kube/json.ts';
import { isConflict, isNotFound, KubeError } from '../../kube/kube-error.ts';
import { paths } from '../../kube/paths.ts';
import { requestJson } from '../../kube/request.ts';
import { sleep } from '../../support/abort.ts';
import { describe } from '../../support/errors.ts';
import { Holdup } from '../holdup.ts';

/** In the namespace of the bridge. The chart makes it, so that the bridge needs no permission to create Secrets there. */
export const openJobsSecret = 'dockerrun-bridge-jobs';

/** What is needed to end a Girder job when its run, and the Secret of the run, were deleted. */
export type OpenJob = {
  /** Of the run; also the key of the entry. */
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly jobId: string;
  readonly token: string;
  /** When the entry was made, in milliseconds since 1970. */
  readonly createdAt: number;
};

/** In bytes, of one entry. The longest token has 512, the longest name 253. */
export const longestEntry = 2_048;

/** In bytes, of all entries together: the API server stores no larger Secret (core.MaxSecretSize of Kubernetes). */
export const mostEntryBytes = 1_048_576;

/** In bytes: in base64, and with a managed field for each key. */
const maxAnswerBytes = 4 * mostEntryBytes;

/** A write that met another one is repeated so often; the API server has repeated it before. */
const maxConflicts = 5;

/** Changes that wait for the write before theirs, and are written together; null removes an entry. */
type Batch = { readonly data: Map<string, string | null>; readonly written: Promise<void> };

/**
 * The open Girder jobs of all runs of the bridge, in one Secret that outlives the runs. Each entry is written by itself,
 * so that replicas do not overwrite each other's. Failures are Holdups that say what to do.
 */
export class OpenJobs {
  readonly #connection: Connection;
  readonly #signal: AbortSignal;
  #waiting: Batch | undefined;
  #last: Promise<void> = Promise.resolve();

  /** The signal ends all requests. */
  constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
  }

  /** Resolves when the entry is stored. One that exists is replaced. */
  async add({ uid, ...job }: Omit<OpenJob, 'createdAt'>): Promise<void> {
    const createdAt = this.#connection.clock.now().toISOString();
    const value = JSON.stringify({ ...job, createdAt });
    await this.#write(uid, Buffer.from(value).toString('base64'));
  }

  /** Resolves when there is no such entry. */
  async remove(uid: string): Promise<void> {
    await this.#write(uid, null);
  }

  /** All entries, and the keys of those that the bridge has not written. */
  async list(): Promise<{ readonly jobs: OpenJob[]; readonly unreadable: string[] }> {
    const entries = Object.entries(await this.#read());
    const parsed = entries.map(([uid, value]) => ({ uid, job: parseOpenJob(uid, value) }));
    return {
      jobs: parsed.flatMap(({ job }) => job ?? []),
      unreadable: parsed.filter(({ job }) => job === undefined).map(({ uid }) => uid),
    };
  }

  /** The token of the job of the run with this uid. */
  async tokenOf(uid: string): Promise<string | undefined> {
    return parseOpenJob(uid, (await this.#read())[uid])?.token;
  }

  async #read(): Promise<Record<string, unknown>> {
    try {
      const request = { method: 'GET', path: this.#path, maxBytes: maxAnswerBytes } as const;
      return recordAt(await requestJson(this.#connection, { ...request, signal: this.#signal }), 'data');
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** A burst of messages is a few writes of the Secret, one after the other. */
  #write(uid: string, value: string | null): Promise<void> {
    if (this.#waiting === undefined) {
      const data = new Map<string, string | null>();
      const written = this.#last.then(() => {
        this.#waiting = undefined;
        return this.#patch(Object.fromEntries(data));
      });
      this.#last = written.catch(() => undefined);
      this.#waiting = { data, written };
    }
    this.#waiting.data.set(uid, value);
    return this.#waiting.written;
  }

  async #patch(data: Readonly<Record<string, string | null>>): Promise<void> {
    const contentType = 'application/merge-patch+json';
    const request = { method: 'PATCH', path: this.#path, body: { data }, contentType } as const;
    for (let conflicts = 0; ; conflicts += 1)
      try {
        const signal = this.#signal;
        await requestJson(this.#connection, { ...request, maxBytes: maxAnswerBytes, signal });
        return;
      } catch (error) {
        if (isNotFound(error) && Object.values(data).every((value) => value === null)) return;
        if (!isConflict(error) || conflicts >= maxConflicts) throw this.#explained(error);
        await sleep(50 + Math.random() * 200, this.#signal);
      }
  }

  #explained(error: unknown): Error {
    if (!(error instanceof KubeError)) return error instanceof Error ? error : new Error(describe(error));
    const what = `the Secret ${this.#connection.namespace}/${openJobsSecret} with the open Girder jobs`;
    return new Holdup('kubernetes', reasonOf(error, what), { cause: error });
  }

  get #path(): string {
    return `${paths.secrets(this.#connection.namespace)}/${openJobsSecret}`;
  }
}

function reasonOf(error: KubeError, what: string): string {
  const { status } = error;
  if (status === 404) return `${what} does not exist: install the chart again, which makes it`;
  if (status === 403)
    return `the bridge may not use ${what}: install the chart of this version (${describe(error)})`;
  if (status === 413 || status === 422)
    return `${what} has no room for another one: wait until some have ended, and lower bridge.maxRuns (${describe(error)})`;
  return `cannot use ${what}: ${describe(error)}`;
}

/** Undefined for what the bridge has not written. */
export function parseOpenJob(uid: string, value: unknown): OpenJob | undefined {
  if (typeof value !== 'string' || Buffer.byteLength(value, 'base64') > longestEntry) return undefined;
  const entry = parseJson(Buffer.from(value, 'base64').toString('utf8'));
  const [namespace, name] = [textAt(entry, 'namespace'), textAt(entry, 'name')];
  const [jobId, token] = [textAt(entry, 'jobId'), textAt(entry, 'token')];
  const createdAt = Date.parse(textAt(entry, 'createdAt') ?? '');
  if (namespace === undefined || name === undefined || jobId === undefined || token === undefined)
    return undefined;
  return Number.isNaN(createdAt) ? undefined : { uid, namespace, name, jobId, token, createdAt };
}
