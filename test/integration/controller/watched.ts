import { ListWatch } from '../../../src/kube/list-watch.ts';
import { parseObjectMeta, recordAt, textAt } from '../../../src/kube/wire.ts';
import { createLogger } from '../../../src/support/log.ts';
import type { Connection } from '../../../src/kube/connection.ts';
import { patienceMs } from './watch-server.ts';

export type Item = { readonly name: string; readonly version: string; readonly value: string };

/** A cache that runs until it is disposed of, and remembers what it said. */
export class Watched implements AsyncDisposable {
  /** `<name>@<version>` of every item that onChange was called with. */
  readonly changes: string[] = [];
  /** What the cache logged, as JSON lines. */
  readonly log: string[] = [];
  readonly cache: ListWatch<Item>;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(connection: Connection, path: string, labelSelector?: string) {
    this.cache = new ListWatch<Item>({
      ...{ connection, path, parse },
      ...(labelSelector === undefined ? {} : { labelSelector }),
      onChange: ({ name, version }) => void this.changes.push(`${name}@${version}`),
      log: createLogger('debug', { write: (line) => void this.log.push(line) }),
    });
    this.#running = this.cache.run(this.#stop.signal);
  }

  /** `<name>=<value>` of everything in the cache, in order of names. */
  get contents(): string[] {
    return this.cache
      .values()
      .map(({ name, value }) => `${name}=${value}`)
      .toSorted();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function parse(object: unknown): Item {
  const { name, resourceVersion } = parseObjectMeta(object);
  return { name, version: resourceVersion, value: textAt(recordAt(object, 'data'), 'value') ?? '' };
}

/** Waits until a condition holds, and fails when it does not in time. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${patienceMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
