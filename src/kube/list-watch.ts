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

export type ListWatchOptions<Item> = {
  connection: Connection;
  /** For example `/apis/batch/v1/jobs`. */
  path: string;
  labelSelector?: string | undefined;
  /** For example `metadata.name=segment`. */
  fieldSelector?: string | undefined;
  /** Extracts what is kept of an object. The object itself is not kept, to save memory. */
  parse: (object: unknown) => Item;
  /**
   * Called for each object of the first list, and then for each change, with the current state (the last one
   * if the object was deleted) and the state before. A change for which it throws is delivered again later.
   */
  onChange: (item: Item, before: Item | undefined) => void;
  log: Logger;
  observer?: ListWatchObserver;
  /** After this many milliseconds, the next end of a watch causes a new list; by default 8 to 11 minutes. */
  relistMs?: number;
};

/** Receives what happens to a cache, for metrics. */
export type ListWatchObserver = {
  listed(count: number): void;
  watching(): void;
  event(type: WatchEventType): void;
  /** `failure` is undefined if the server closed the watch normally. */
  interrupted(reason: InterruptionReason, failure: unknown): void;
  /** A defect of ours: `parse` or `onChange` threw. */
  failed?(where: 'parse' | 'onChange'): void;
};

type State = { readonly kind: 'list' } | { readonly kind: 'watch'; readonly version: string };

/** Capped at a third of kube-rs' backoff: until the watch is connected again, runs make no progress. */
const backoff = { firstMs: 800, maxMs: 10_000 };

/** A watch that ended sooner counts as a failure, however it ended; a longer one resets the backoff. */
const healthyMs = 10_000;

/** A server that accepts watches is up, however soon they end: wait at most 1.6 s before the next one. */
const maxFailuresOfOpened = 1;

/** In case an event was lost. Watches last 290 s at most, so there is a list at least every 16 minutes. */
const defaultRelistMs = () => (8 + Math.random() * 3) * 60_000;

/**
 * A cache of the objects of one kind, kept current by list and watch.
 *
 * It is a small state machine, after kube-rs' watcher: `list` → `watch` → (any end) `watch` again from the
 * last resource version → (version too old, or a list is due) `list`. Only its signal ends it. client-node's
 * informer is not used: it stops for good at a TCP reset and does not ask for bookmarks. `ObjectStore`
 * decides what is a change.
 */
export class ListWatch<Item> {
  readonly #options: ListWatchOptions<Item>;
  readonly #store = new ObjectStore<Item>();
  #state: State = { kind: 'list' };
  #synced = false;
  #relistAt = Infinity;
  /** When the server accepted the current watch, by `performance.now()`. */
  #openedAt: number | undefined;
  /** Lists and watches in a row that failed. */
  #failures = 0;
  /** Watches in a row without a usable event. */
  #emptyWatches = 0;
  /** Changes whose `onChange` threw; delivered again at the next bookmark or list. */
  readonly #undelivered = new Map<string, Change<Item>>();

  constructor(options: ListWatchOptions<Item>) {
    this.#options = options;
  }

  /** True once the first list is in the store. */
  get synced(): boolean {
    return this.#synced;
  }

  /** True while a watch is open, as far as this side can know. */
  get connected(): boolean {
    return this.#openedAt !== undefined;
  }

  /** The item at `<namespace>/<name>`. */
  get(key: string): Item | undefined {
    return this.#store.get(key)?.item;
  }

  /** The resource version of the object that the item at `<namespace>/<name>` was parsed from. */
  versionOf(key: string): string | undefined {
    const version = this.#store.get(key)?.version;
    return version === undefined ? undefined : String(version);
  }

  values(): Item[] {
    return this.#store.values();
  }

  /**
   * Stores the API server's answer to a write of ours, before the watch delivers it, unless the object was
   * deleted in the meantime. `onChange` is not called, because the caller knows the change.
   */
  absorb(object: unknown): void {
    const parsed = this.#parse(object);
    if (parsed !== undefined) this.#store.absorb(parsed);
  }

  /** The same for an object that we created, of which the watch then shows no change: the caller has to act on it. */
  absorbCreated(object: unknown): void {
    const parsed = this.#parse(object);
    if (parsed !== undefined) this.#store.absorbCreated(parsed);
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
    const { connection, path, labelSelector, fieldSelector, observer } = this.#options;
    let listed: Stored<Item>[] = [];
    const version = await listPages(
      connection,
      { path, labelSelector, fieldSelector, signal },
      (objects, isFirst) => {
        if (isFirst) listed = [];
        // An object that cannot be parsed keeps its cached state, because it still exists.
        for (const object of objects) listed.push(...[this.#parse(object) ?? this.#cached(object)].flat());
      },
    );
    const changes = this.#store.replace(listed, Number(version));
    this.#synced = true;
    this.#relistAt = performance.now() + (this.#options.relistMs ?? defaultRelistMs());
    this.#state = { kind: 'watch', version };
    this.#guard('observer', () => observer?.listed(listed.length));
    this.#deliver([...this.#undelivered.values(), ...changes]);
  }

  async #watch(version: string, signal: AbortSignal): Promise<void> {
    const { connection, path, labelSelector, fieldSelector } = this.#options;
    const onOpen = () => this.#opened();
    const selectors = { labelSelector, fieldSelector };
    const request = { path, ...selectors, resourceVersion: version, onOpen, signal };
    for await (const event of watchEvents(connection, request)) this.#handleEvent(event);
  }

  #opened(): void {
    const { observer, log, path } = this.#options;
    this.#openedAt = performance.now();
    this.#guard('observer', () => observer?.watching());
    if (this.#failures > 0) log.info({ path }, 'watch reconnected');
  }

  #handleEvent({ type, object }: WatchEvent): void {
    const { resourceVersion: version } = parseObjectMeta(object);
    this.#emptyWatches = 0;
    const changes = this.#applyEvent(type, object, Number(version));
    // Set before the change is delivered, so that this event is not requested again, whatever `onChange`
    // does.
    this.#state = { kind: 'watch', version };
    this.#guard('observer', () => this.#options.observer?.event(type));
    this.#deliver(type === 'BOOKMARK' ? [...this.#undelivered.values()] : changes);
  }

  #applyEvent(type: WatchEventType, object: unknown, version: number): Change<Item>[] {
    if (type === 'BOOKMARK') {
      this.#store.advanceTo(version);
      return [];
    }
    const parsed = this.#parse(object);
    if (type !== 'DELETED') return parsed === undefined ? [] : this.#store.put(parsed);
    const [known] = this.#cached(object);
    const last = parsed ?? (known && { ...known, version });
    return last === undefined ? [] : this.#store.delete(last);
  }

  #deliver(changes: readonly Change<Item>[]): void {
    for (const change of changes) {
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

  #cached(object: unknown): Stored<Item>[] {
    const { key, uid } = parseObjectMeta(object);
    const known = this.#store.get(key);
    return known?.uid === uid ? [known] : [];
  }

  /** Calls code of the cache's user; an error is logged and counted, and the cache continues. */
  #guard<T>(where: 'parse' | 'onChange' | 'observer', work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      const { log, path, observer } = this.#options;
      log.error({ path, where, error: describe(error) }, 'cache callback failed');
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
    this.#guard('observer', () => this.#options.observer?.interrupted(reason, failure));
    if (worked) this.#failures = 0;
    else if (openMs >= 0) this.#failures = Math.min(this.#failures, maxFailuresOfOpened);
    if (reason === 'silence' || reason === 'unreadable') this.#emptyWatches += 1;
    if (mustList(reason, this.#emptyWatches) || now >= this.#relistAt) this.#state = { kind: 'list' };
    if (reason !== 'closed' || !worked) await this.#pause(reason, failure, signal);
  }

  async #pause(reason: InterruptionReason, failure: unknown, signal: AbortSignal): Promise<void> {
    const { log, path } = this.#options;
    const waitMs = Math.max(retryAfterMs(failure) ?? 0, backoffMs(this.#failures, backoff));
    this.#failures += 1;
    const error = failure === undefined ? 'the server closed the watch early' : describe(failure);
    log.warn({ path, reason, next: this.#state.kind, waitMs, error }, 'watch interrupted');
    await sleep(waitMs, signal).catch(() => undefined);
  }
}
