import { ListWatch } from '../../../src/kube/list-watch.ts';
import { numberAt, parseObjectMeta, recordAt, textAt } from '../../../src/kube/json.ts';
import { createLogger } from '../../../src/support/log.ts';
import type { Connection } from '../../../src/kube/connection.ts';

export type Item = { readonly name: string; readonly version: string; readonly value: string };

/** The value of an object that the parser of `Watched` throws at. */
export const poison = 'poison';

/** A cache that runs until it is disposed of, and records what it reports. */
export class Watched implements AsyncDisposable {
  /** `<name>@<version>` of every item that onChange was called with. */
  readonly changes: string[] = [];
  /** What the cache logged, as JSON lines. */
  readonly log: string[] = [];
  /** What its observer was notified of, except single events: `listed 2`, `watching`, `interrupted reset`. */
  readonly notifications: string[] = [];
  readonly cache: ListWatch<Item>;
  /** Called with every change before it is recorded; may throw. */
  onChange: (item: Item, before: Item | undefined) => void = () => undefined;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(
    connection: Connection,
    path: string,
    { labelSelector, relistMs }: { labelSelector?: string; relistMs?: number } = {},
  ) {
    this.cache = new ListWatch<Item>({
      ...{ connection, path, parse },
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(relistMs === undefined ? {} : { relistMs }),
      onChange: (item, before) => {
        this.onChange(item, before);
        this.changes.push(`${item.name}@${item.version}`);
      },
      log: createLogger('debug', { write: (line) => void this.log.push(line) }),
      observer: {
        listed: (count) => void this.notifications.push(`listed ${count}`),
        watching: () => void this.notifications.push('watching'),
        event: () => undefined,
        interrupted: (reason) => void this.notifications.push(`interrupted ${reason}`),
        failed: (where) => void this.notifications.push(`failed ${where}`),
      },
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

  /** The chosen waits in milliseconds after each interruption, from the log: a busy machine adds nothing. */
  get waits(): number[] {
    const lines = this.log.map((line): unknown => JSON.parse(line));
    return lines.flatMap((line) => numberAt(line, 'waitMs') ?? []);
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
  if (textAt(recordAt(object, 'data'), 'value') === poison) throw new TypeError('unexpected value');
  return { name, version: resourceVersion, value: textAt(recordAt(object, 'data'), 'value') ?? '' };
}
