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

/** A watch that ended sooner than this did not work, however politely it ended; a longer one resets the backoff. */
const healthyMs = 10_000;

/** Resource versions of one kind are ordered numbers
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions). */
type Stored<Item> = { version: number; uid: string; item: Item };

export class ListWatch<Item> {
  readonly #options: ListWatchOptions<Item>;
  /** By `<namespace>/<name>`. */
  #store = new Map<string, Stored<Item>>();
  /** Where to watch from; nothing when a list has to come first. */
  #version: string | undefined;
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

  /** Takes in what the API server answered to a write of ours, before the watch brings it; not if it is deleted by now. */
  absorb(object: unknown): void {
    const { key, uid } = parseObjectMeta(object);
    if (this.#store.get(key)?.uid === uid) this.#put(object);
  }

  /** Lists and watches until the signal aborts; no failure ends it. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = Date.now();
      const failure = await this.#listAndWatch(signal).catch(
        (error: unknown) => error ?? new Error('unknown'),
      );
      if (signal.aborted) return;
      if (isExpired(failure)) this.#version = undefined;
      const worked = Date.now() - began >= healthyMs;
      if (worked) this.#failures = 0;
      if (failure !== undefined || !worked) await this.#pause(failure, signal);
    }
  }

  async #listAndWatch(signal: AbortSignal): Promise<void> {
    this.#version ??= await this.#list(signal);
    const { connection, path, labelSelector } = this.#options;
    const request = { path, labelSelector, resourceVersion: this.#version, signal };
    for await (const event of watchEvents(connection, request)) {
      if (event.type !== 'BOOKMARK') this.#apply(event.type, event.object);
      this.#version = parseObjectMeta(event.object).resourceVersion;
    }
  }

  async #pause(failure: unknown, signal: AbortSignal): Promise<void> {
    const asked = failure instanceof KubeError ? (failure.retryAfterSeconds ?? 0) * 1000 : 0;
    const waitMs = Math.max(asked, backoffMs(this.#failures, backoff));
    this.#failures += 1;
    const error = failure === undefined ? 'the server ended it at once' : describe(failure);
    this.#options.log.warn({ path: this.#options.path, waitMs, error }, 'watch interrupted');
    await sleep(waitMs, signal).catch(() => undefined);
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { connection, path, labelSelector } = this.#options;
    const found: unknown[] = [];
    let continueToken: string | undefined;
    let version: string;
    do {
      const query: Record<string, string> = { limit: pageSize };
      if (labelSelector !== undefined) query['labelSelector'] = labelSelector;
      if (continueToken !== undefined) query['continue'] = continueToken;
      const page = parseList(await requestJson(connection, { method: 'GET', path, query, signal }));
      found.push(...page.items);
      continueToken = page.continueToken;
      version = page.resourceVersion;
    } while (continueToken !== undefined);
    this.#replace(found, Number(version));
    return version;
  }

  /** Makes the store what a list says, but for what was written after the list was made. */
  #replace(found: readonly unknown[], listVersion: number): void {
    const before = this.#store;
    this.#store = new Map([...before].filter(([, { version }]) => version > listVersion));
    for (const object of found) this.#put(object);
    this.#synced = true;
    const gone = [...before].filter(([key]) => !this.#store.has(key)).map(([, { item }]) => item);
    for (const item of [...gone, ...this.values()]) this.#options.onChange(item);
  }

  #apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: unknown): void {
    if (type === 'DELETED') this.#store.delete(parseObjectMeta(object).key);
    else this.#put(object);
    this.#options.onChange(this.#options.parse(object));
  }

  #put(object: unknown): void {
    const { key, uid, resourceVersion } = parseObjectMeta(object);
    const version = Number(resourceVersion);
    const stored = this.#store.get(key);
    if (stored !== undefined && stored.version > version) return;
    this.#store.set(key, { version, uid, item: this.#options.parse(object) });
  }
}
