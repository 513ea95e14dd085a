import { backoffMs } from '../runtime/backoff.ts';
import { sleep } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { Connection } from './connection.ts';
import { isExpired, KubeError } from './kube-error.ts';
import { requestJson } from './request.ts';
import { parseList, parseObjectMeta } from './wire.ts';
import { watchEvents } from './watch.ts';

/**
 * A cache of one kind of objects, kept by list and watch.
 *
 * It is a small state machine, after kube-rs' watcher: `list` → `watch` → (closed) `watch` again from the last
 * resource version → (410 Gone) `list`. client-node's informer is not used: it stops for good at a TCP reset and
 * asks for no bookmarks. What must hold:
 * - `store` holds what `parse` made of each object, never the raw object (memory).
 * - a relist removes what the list no longer has, so that a deletion during a gap is seen;
 * - an object is never replaced by an older version of itself, so that `absorb` makes our own writes visible at once;
 * - every change, and every object of a relist, calls `onChange` with its key: the consumer is level-triggered.
 */
export type ListWatchOptions<Item> = {
  connection: Connection;
  /** For example `/apis/batch/v1/jobs`. */
  path: string;
  labelSelector?: string;
  parse: (object: unknown) => Item;
  onChange: (item: Item) => void;
  log: Logger;
};

const backoff = { firstMs: 800, maxMs: 30_000 };
const pageSize = '500';

/** Resource versions of one kind are ordered numbers
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions). */
type Stored<Item> = { version: number; item: Item };

export class ListWatch<Item> {
  readonly #options: ListWatchOptions<Item>;
  /** By `<namespace>/<name>`. */
  readonly #store = new Map<string, Stored<Item>>();
  #synced = false;
  #failures = 0;

  constructor(options: ListWatchOptions<Item>) {
    this.#options = options;
  }

  /** True once the first list is in the store. */
  get synced(): boolean {
    return this.#synced;
  }

  get(key: string): Item | undefined {
    return this.#store.get(key)?.item;
  }

  values(): Item[] {
    return [...this.#store.values()].map(({ item }) => item);
  }

  /** Takes in what the API server answered to a write of ours, before the watch brings it. */
  absorb(object: unknown): void {
    this.#put(this.#store, object);
  }

  /** Lists and watches until the signal aborts; no failure ends it. */
  async run(signal: AbortSignal): Promise<void> {
    let version: string | undefined;
    while (!signal.aborted) {
      try {
        version ??= await this.#list(signal);
        version = await this.#watch(version, signal);
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (isExpired(error)) version = undefined;
        await this.#pause(error, signal);
      }
    }
  }

  async #pause(error: unknown, signal: AbortSignal): Promise<void> {
    const asked = error instanceof KubeError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    const wait = Math.max(asked, backoffMs(this.#failures, backoff));
    this.#failures += 1;
    this.#options.log.warn(
      { path: this.#options.path, waitMs: wait, error: describe(error) },
      'watch interrupted',
    );
    await sleep(wait, signal).catch(() => undefined);
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { connection, path, labelSelector } = this.#options;
    const found = new Map<string, Stored<Item>>();
    let continueToken: string | undefined;
    let version: string;
    do {
      const query: Record<string, string> = { limit: pageSize };
      if (labelSelector !== undefined) query['labelSelector'] = labelSelector;
      if (continueToken !== undefined) query['continue'] = continueToken;
      const page = parseList(await requestJson(connection, { method: 'GET', path, query, signal }));
      for (const object of page.items) this.#put(found, object);
      continueToken = page.continueToken;
      version = page.resourceVersion;
    } while (continueToken !== undefined);
    this.#replace(found);
    return version;
  }

  #replace(found: Map<string, Stored<Item>>): void {
    const gone = [...this.#store].filter(([key]) => !found.has(key)).map(([, stored]) => stored);
    this.#store.clear();
    for (const [key, stored] of found) this.#store.set(key, stored);
    this.#synced = true;
    for (const { item } of [...gone, ...found.values()]) this.#options.onChange(item);
  }

  /** Watches from `version` until the server closes the stream; gives the version to go on from. */
  async #watch(version: string, signal: AbortSignal): Promise<string> {
    const { connection, path, labelSelector, log } = this.#options;
    let last = version;
    const events = watchEvents(connection, { path, labelSelector, resourceVersion: version, signal });
    try {
      for await (const event of events) {
        if (event.type !== 'BOOKMARK') this.#apply(event.type, event.object);
        last = parseObjectMeta(event.object).resourceVersion;
        this.#failures = 0;
      }
    } catch (error) {
      // A broken connection loses nothing: go on from the last version seen. Only 410 Gone needs a new list.
      if (isExpired(error) || signal.aborted) throw error;
      log.debug({ path, error: describe(error) }, 'watch broke');
      await this.#pause(error, signal);
    }
    return last;
  }

  #apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: unknown): void {
    if (type === 'DELETED') this.#store.delete(parseObjectMeta(object).key);
    else this.#put(this.#store, object);
    this.#options.onChange(this.#options.parse(object));
  }

  #put(store: Map<string, Stored<Item>>, object: unknown): void {
    const { key, resourceVersion } = parseObjectMeta(object);
    const version = Number(resourceVersion);
    const stored = store.get(key);
    if (stored === undefined || stored.version <= version)
      store.set(key, { version, item: this.#options.parse(object) });
  }
}
