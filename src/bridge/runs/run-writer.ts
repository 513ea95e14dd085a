import { isRecord } from '../../api/json-values.ts';
import type { Connection } from '../../kube/connection.ts';
import { listAt, recordAt, textAt } from '../../kube/json.ts';
import { isConflict, isNotFound, isRefused, KubeError } from '../../kube/kube-error.ts';
import { paths } from '../../kube/paths.ts';
import { requestJson } from '../../kube/request.ts';
import { describe } from '../../support/errors.ts';
import { bridgeAnnotations } from '../bridge-names.ts';
import { bridgeLabel } from '../translate/run-facts.ts';
import { Holdup } from '../holdup.ts';
import type { RunDraft, SecretDraft } from '../translate/message-outcome.ts';

/** The API server will not store the run or its Secret, however often it is asked. */
export class RunRefused extends Error {
  override readonly name = 'RunRefused';
}

export type Created = { readonly uid: string; readonly isNew: boolean };

/** In characters, for all notes of a run together. */
export const longestNotes = 8_000;

export type Draft = {
  readonly run: RunDraft;
  readonly secret: SecretDraft | undefined;
  readonly notes: readonly string[];
  readonly notBefore: number | undefined;
  readonly jobId: string | undefined;
};

/**
 * Stores runs and their Secrets. Each call may be repeated after any failure: a name is taken only once.
 * It rejects with Holdup for what may pass, and with RunRefused for what will not.
 */
export class RunWriter {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Creates the run, then its Secret, which is deleted together with it. */
  async create(draft: Draft, signal: AbortSignal): Promise<Created> {
    const created = await this.#createRun(draft, signal);
    if (draft.secret !== undefined) await this.#createSecret(draft, draft.secret, created, signal);
    return created;
  }

  async #createRun(draft: Draft, signal: AbortSignal): Promise<Created> {
    const { namespace, name } = draft.run.metadata;
    try {
      const body = objectOf(draft);
      const stored = await this.#request({ method: 'POST', path: paths.dockerRuns(namespace), body }, signal);
      return { uid: uidOf(stored), isNew: true };
    } catch (error) {
      if (!isConflict(error)) throw classify(error, `the DockerRun ${namespace}/${name}`);
    }
    const stored = await this.#find({ namespace, name }, signal);
    if (stored === undefined)
      throw new Holdup('kubernetes', `the DockerRun ${namespace}/${name} was deleted a moment ago`);
    if (!isOf(stored, draft.jobId))
      throw new RunRefused(`there is another DockerRun ${namespace}/${name} already`);
    return { uid: uidOf(stored), isNew: false };
  }

  /** The run of this name; undefined if there is none. */
  async #find({ namespace, name }: { namespace: string; name: string }, signal: AbortSignal) {
    const path = `${paths.dockerRuns(namespace)}/${name}`;
    return this.#request({ method: 'GET', path }, signal).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw classify(error, `the DockerRun ${namespace}/${name}`);
    });
  }

  async #createSecret(
    { run }: Draft,
    secret: SecretDraft,
    { uid }: Created,
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace, name } = run.metadata;
    const owner = { apiVersion: run.apiVersion, kind: run.kind, name, uid, blockOwnerDeletion: false };
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secret.name, namespace, labels: { [bridgeLabel]: 'true' }, ownerReferences: [owner] },
      stringData: secret.data,
    };
    const what = `the Secret ${namespace}/${secret.name}`;
    try {
      await this.#request({ method: 'POST', path: paths.secrets(namespace), body }, signal);
      return;
    } catch (error) {
      if (!isConflict(error)) throw classify(error, what);
    }
    const path = `${paths.secrets(namespace)}/${secret.name}`;
    const stored = await this.#request({ method: 'GET', path }, signal).catch((error: unknown) => {
      throw classify(error, what);
    });
    if (isOwnedBy(stored, uid)) return;
    // That of a deleted run of this name is removed by the garbage collector.
    if (listAt(recordAt(stored, 'metadata'), 'ownerReferences').length > 0)
      throw new Holdup('kubernetes', `${what} belongs to a run that was deleted, and is still there`);
    throw new RunRefused(`${what} exists already, and belongs to nobody`);
  }

  /** Stops a run for good; a run that is gone is stopped. */
  async cancel(run: { namespace: string; name: string }, signal: AbortSignal): Promise<void> {
    await this.patch(run, { spec: { cancel: true } }, signal);
  }

  /** Stops the run of a message, if an earlier delivery of it has made one. */
  async cancelMade({ run, jobId }: Pick<Draft, 'run' | 'jobId'>, signal: AbortSignal): Promise<void> {
    const { namespace, name } = run.metadata;
    const stored = await this.#find({ namespace, name }, signal);
    if (stored !== undefined && isOf(stored, jobId)) await this.cancel({ namespace, name }, signal);
  }

  /** Whether the API server has the run at this moment, whatever a cache says. */
  async isStored(
    { namespace, name, uid }: { namespace: string; name: string; uid: string },
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      const path = `${paths.dockerRuns(namespace)}/${name}`;
      return uidOf(await this.#request({ method: 'GET', path }, signal)) === uid;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Merges into the run; without effect on one that was deleted. */
  async patch(
    { namespace, name }: { namespace: string; name: string },
    body: object,
    signal: AbortSignal,
  ): Promise<void> {
    const path = `${paths.dockerRuns(namespace)}/${name}`;
    try {
      const contentType = 'application/merge-patch+json';
      await this.#request({ method: 'PATCH', path, body, contentType }, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The value of a key of a Secret that the run owns; undefined if there is none. Others are not used. */
  async secretValue(
    { namespace, uid }: { namespace: string; uid: string },
    { name, key }: { name: string; key: string },
    signal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      const path = `${paths.secrets(namespace)}/${name}`;
      const secret = await this.#request({ method: 'GET', path }, signal);
      const value = textAt(recordAt(secret, 'data'), key);
      if (value === undefined || !isOwnedBy(secret, uid)) return undefined;
      return Buffer.from(value, 'base64').toString('utf8').trim();
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #request(
    request: Pick<Parameters<typeof requestJson>[1], 'method' | 'path' | 'body' | 'contentType'>,
    signal: AbortSignal,
  ): Promise<unknown> {
    return requestJson(this.#connection, { ...request, signal });
  }
}

function objectOf({ run, notes, notBefore }: Draft): object {
  const { metadata, spec } = run;
  const text = notes.join('\n').slice(0, longestNotes).toWellFormed();
  const annotations = {
    ...metadata.annotations,
    ...(text === '' ? {} : { [bridgeAnnotations.notes]: text }),
    ...(notBefore === undefined ? {} : { [bridgeAnnotations.notBefore]: new Date(notBefore).toISOString() }),
  };
  const labels = { [bridgeLabel]: 'true', ...metadata.labels };
  return {
    ...run,
    metadata: { ...metadata, labels, annotations },
    spec: notBefore === undefined ? spec : { ...spec, suspend: true },
  };
}

function uidOf(object: unknown): string {
  return textAt(recordAt(object, 'metadata'), 'uid') ?? '';
}

/** Whether a stored run was made of the same message: by the bridge, for the same Girder job. */
function isOf(stored: unknown, jobId: string | undefined): boolean {
  const isOfBridge = textAt(recordAt(recordAt(stored, 'metadata'), 'labels'), bridgeLabel) !== undefined;
  const job = recordAt(recordAt(recordAt(stored, 'spec'), 'girder'), 'job');
  return isOfBridge && textAt(job, 'id') === jobId;
}

function isOwnedBy(stored: unknown, uid: string): boolean {
  const owners = listAt(recordAt(stored, 'metadata'), 'ownerReferences');
  return owners.some((owner) => isRecord(owner) && owner['uid'] === uid);
}

/** What the operator has to fix, or what passes, keeps messages in their queue; the rest is the message's own fault. */
function classify(error: unknown, what: string): Error {
  const text = `cannot create ${what}: ${describe(error)}`;
  if (!(error instanceof KubeError)) return error instanceof Error ? error : new Error(text);
  const { status, message } = error;
  if (status === 403 && /exceeded quota/.test(message)) return new Holdup('quota', text, { cause: error });
  if (status === 404 || isOfPermissions(error)) return new Holdup('namespace', text, { cause: error });
  if (status === 401 || !isRefused(error)) return new Holdup('kubernetes', text, { cause: error });
  return new RunRefused(text);
}

/** The bridge itself lacks a permission, or the namespace is being deleted. */
function isOfPermissions({ status, message }: KubeError): boolean {
  return status === 403 && /is forbidden: User "|is being terminated/.test(message);
}
