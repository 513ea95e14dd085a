import { sleep } from '../support/abort.ts';
import { backoffMs } from '../support/backoff.ts';
import { describe } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { Connection } from './connection.ts';
import {
  type InterruptionReason,
  interruptionReason,
  mustList,
  type WatchEvent,
  watchEvents,
  type WatchEventType,
} from './watch.ts';
import { retryAfterMs } from './kube-error.ts';
import { listPages } from './list-pages.ts';
import { type Change, ObjectStore, type Stored } from './object-store.ts';
import { parseObjectMeta } from './json.ts';

/** What is cached, and who hears of it. */
export type ListWatchOptions<Item> = {
  connection: Connection;
  /** For example `/apis/batch/v1/jobs`. */
  path: string;
  labelSelector?: string;
  /** What is kept of an object; the object itself is not (memory). */
  parse: (object: unknown) => Item;
  /**
   * Called when the store holds something new: with each object of the first list, and then with what differs, as it is
   * now, or was at last when it is gone from the store, and as it was before.
   */
  onChange: (item: Item, before: Item | undefined) => void;
  log: Logger;
  observer?: ListWatchObserver;
  /** All is listed anew at the first end of a watch after so many milliseconds; by default 8 to 11 minutes. */
  relistMs?: number;
};

/** Told what happens to a cache, for metrics. */
export type ListWatchObserver = {
  listed(count: number): void;
  watching(): void;
  event(type: WatchEventType): void;
  interrupted(reason: InterruptionReason): void;
  /** A defect of ours: `parse` or `onChange` threw. */
  failed?(where: 'parse' | 'onChange'): void;
};

/** Lists, or watches from a version. */
type State = { readonly kind: 'list' } | { readonly kind: 'watch'; readonly version: string };

/** The longest wait is a third of kube-rs': what nobody hears while the server is back is a run that stands still. */
const backoff = { firstMs: 800, maxMs: 10_000 };

/** A watch that ended sooner than this did not work, however politely it ended; a longer one resets the backoff. */
const healthyMs = 10_000;

/** A server that accepts watches is there, however soon they end: it is never left alone for more than 1.6 s. */
const mostFailuresOfOpened = 1;

/** In case that an event was lost; watches end after 290 s at the latest, so all is listed within 16 minutes. */
const defaultRelistMs = () => (8 + Math.random() * 3) * 60_000;

/**
 * A cache of one kind of objects, kept by list and watch.
 *
 * It is a small state machine, after kube-rs' watcher: `list` → `watch` → (ended in whatever way) `watch` again from the
 * last resource version → (too old, or time for it) `list`. client-node's informer is not used: it stops for good at a
 * TCP reset and asks for no bookmarks. Nothing ends it but its signal; `ObjectStore` says what is news.
 */
export class ListWatch<Item> {
  readonly #options: ListWatchOptions<Item>;
  readonly #store = new ObjectStore<Item>();
  #state: State = { kind: 'list' };
  #synced = false;
  #listAt = Infinity;
  /** When the server accepted the watch that goes on now, by `performance.now()`. */
  #openedAt: number | undefined;
  /** Lists and watches in a row that did not work. */
  #failures = 0;
  /** Watches in a row that brought nothing that could be used. */
  #emptyWatches = 0;
  /** What `onChange` threw at. */
  readonly #undelivered = new Map<string, Change<Item>>();

  constructor(options: ListWatchOptions<Item>) {
    this.#options = options;
  }

  /** True once the first list is in the store. */
  get synced(): boolean {
    return this.#synced;
  }

  /** True while the server has a watch of ours open, as far as anybody can know. */
  get connected(): boolean {
    return this.#openedAt !== undefined;
  }

  /** The item at `<namespace>/<name>`. */
  get(key: string): Item | undefined {
    return this.#store.get(key)?.item;
  }

  /** The resource version of the object that the item at a key was made of. */
  versionOf(key: string): string | undefined {
    const version = this.#store.get(key)?.version;
    return version === undefined ? undefined : String(version);
  }

  values(): Item[] {
    return this.#store.values();
  }

  /**
   * Takes in what the API server answered to a write of ours, before the watch brings it; not if it is deleted by now.
   * It is no news to whoever wrote it, so that `onChange` is not called.
   */
  absorb(object: unknown): void {
    const parsed = this.#parse(object);
    if (parsed !== undefined) this.#store.absorb(parsed);
  }

  /** Lists and watches until the signal aborts; no failure ends it. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { kind } = this.#state;
      const step =
        this.#state.kind === 'list' ? this.#list(signal) : this.#watch(this.#state.version, signal);
      const failure = await step.then(
        () => undefined,
        (error: unknown) => error ?? new Error('unknown'),
      );
      const isListed = kind === 'list' && failure === undefined;
      if (!isListed && !signal.aborted) await this.#recover(failure, signal);
    }
    this.#openedAt = undefined;
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { connection, path, labelSelector, observer } = this.#options;
    let listed: Stored<Item>[] = [];
    const version = await listPages(connection, { path, labelSelector, signal }, (objects, isFirst) => {
      if (isFirst) listed = [];
      // One that cannot be parsed stays as it was, since it is there.
      for (const object of objects) listed.push(...[this.#parse(object) ?? this.#known(object)].flat());
    });
    const news = this.#store.replace(listed, Number(version));
    this.#synced = true;
    this.#listAt = performance.now() + (this.#options.relistMs ?? defaultRelistMs());
    this.#state = { kind: 'watch', version };
    this.#guard('observer', () => observer?.listed(listed.length));
    this.#tell([...this.#undelivered.values(), ...news]);
  }

  async #watch(version: string, signal: AbortSignal): Promise<void> {
    const { connection, path, labelSelector } = this.#options;
    const onOpen = () => this.#opened();
    const request = { path, labelSelector, resourceVersion: version, onOpen, signal };
    for await (const event of watchEvents(connection, request)) this.#take(event);
  }

  #opened(): void {
    const { observer, log, path } = this.#options;
    this.#openedAt = performance.now();
    this.#guard('observer', () => observer?.watching());
    if (this.#failures > 0) log.info({ path }, 'watching again');
  }

  #take({ type, object }: WatchEvent): void {
    const { resourceVersion: version } = parseObjectMeta(object);
    this.#emptyWatches = 0;
    const news = this.#newsOf(type, object, Number(version));
    // Before anybody hears of it: whatever they do, it is not asked for again.
    this.#state = { kind: 'watch', version };
    this.#guard('observer', () => this.#options.observer?.event(type));
    this.#tell(type === 'BOOKMARK' ? [...this.#undelivered.values()] : news);
  }

  #newsOf(type: WatchEventType, object: unknown, version: number): Change<Item>[] {
    if (type === 'BOOKMARK') {
      this.#store.reached(version);
      return [];
    }
    const parsed = this.#parse(object);
    if (type !== 'DELETED') return parsed === undefined ? [] : this.#store.put(parsed);
    const [known] = this.#known(object);
    const last = parsed ?? (known && { ...known, version });
    return last === undefined ? [] : this.#store.delete(last);
  }

  #tell(news: readonly Change<Item>[]): void {
    for (const change of news) {
      this.#undelivered.set(change.key, change);
      this.#guard('onChange', () => {
        this.#options.onChange(change.item, change.before);
        this.#undelivered.delete(change.key);
      });
    }
  }

  #parse(object: unknown): Stored<Item> | undefined {
    const { key, uid, resourceVersion } = parseObjectMeta(object);
    return this.#guard('parse', () => {
      return { key, uid, version: Number(resourceVersion), item: this.#options.parse(object) };
    });
  }

  #known(object: unknown): Stored<Item>[] {
    const { key, uid } = parseObjectMeta(object);
    const known = this.#store.get(key);
    return known?.uid === uid ? [known] : [];
  }

  /** Does what others wrote; a defect of theirs is told and counted, and the cache goes on. */
  #guard<T>(where: 'parse' | 'onChange' | 'observer', work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      const { log, path, observer } = this.#options;
      log.error({ path, where, error: describe(error) }, 'a defect in the cache');
      if (where !== 'observer') this.#guard('observer', () => observer?.failed?.(where));
      return undefined;
    }
  }

  async #recover(failure: unknown, signal: AbortSignal): Promise<void> {
    const reason = interruptionReason(failure);
    const now = performance.now();
    const openMs = this.#openedAt === undefined ? -1 : now - this.#openedAt;
    const worked = openMs >= healthyMs;
    this.#openedAt = undefined;
    this.#guard('observer', () => this.#options.observer?.interrupted(reason));
    if (worked) this.#failures = 0;
    else if (openMs >= 0) this.#failures = Math.min(this.#failures, mostFailuresOfOpened);
    if (reason === 'silence' || reason === 'unreadable') this.#emptyWatches += 1;
    if (mustList(reason, this.#emptyWatches) || now >= this.#listAt) this.#state = { kind: 'list' };
    if (reason !== 'closed' || !worked) await this.#pause(reason, failure, signal);
  }

  async #pause(reason: InterruptionReason, failure: unknown, signal: AbortSignal): Promise<void> {
    const { log, path } = this.#options;
    const waitMs = Math.max(retryAfterMs(failure) ?? 0, backoffMs(this.#failures, backoff));
    this.#failures += 1;
    const error = failure === undefined ? 'the server ended it at once' : describe(failure);
    log.warn({ path, reason, next: this.#state.kind, waitMs, error }, 'watch interrupted');
    await sleep(waitMs, signal).catch(() => undefined);
  }
}
