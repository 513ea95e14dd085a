import { sleep } from '../support/abort.ts';
import { RunError } from '../support/errors.ts';
import {
  type ContainerEvent,
  type ContainerState,
  type EventStream,
  inspectState,
  openEvents,
} from './container-state.ts';
import { isReplaced } from './engine-wait.ts';
import type { Engine } from './engine.ts';

/** `at` is in milliseconds since 1970, by the engine's clock. */
export type ContainerExit = { readonly exitCode: number; readonly at: number };

/** Bounds and intervals of the watch, in milliseconds. */
export type WatchTimes = {
  /** How long the engine may be unreachable before the container counts as lost. */
  readonly unreachableMs: number;
  /** How often the container is inspected, in case an event was lost. */
  readonly inspectEveryMs: number;
  /** How long an event may lag behind the state that an inspect already shows. */
  readonly eventLagMs: number;
  readonly reconnectEveryMs: number;
};

const defaultTimes: WatchTimes = {
  unreachableMs: 60_000,
  inspectEveryMs: 30_000,
  eventLagMs: 2_000,
  reconnectEveryMs: 500,
};

/** How far the clocks of engine and worker may differ; replayed older events of the container do no harm. */
const clockSkewSeconds = 60;

/**
 * Follows one container through the engine's events, from before its start to its removal. Only events keep
 * the exit code of a container that removes itself: a wait would have to be registered at a moment that we
 * cannot observe, and an inspect may come too late.
 */
export class ExitWatch {
  readonly #engine: Engine;
  readonly #id: string;
  readonly #times: WatchTimes;
  readonly #closing = new AbortController();
  readonly #started = Promise.withResolvers<number>();
  readonly #exited = Promise.withResolvers<ContainerExit>();
  readonly #destroyed = Promise.withResolvers<void>();
  #stream: EventStream | undefined;
  #lastContact = performance.now();
  #since = Math.floor(Date.now() / 1000) - clockSkewSeconds;
  #oomKilled = false;
  #wasSignalled = false;
  #wasInterrupted = false;
  #hasEnded = false;

  private constructor(engine: Engine, id: string, times: WatchTimes) {
    this.#engine = engine;
    this.#id = id;
    this.#times = times;
    this.#exited.promise.catch(() => undefined);
  }

  /** Resolves when the engine has confirmed the subscription; no later event is missed. */
  static async open(
    engine: Engine,
    id: string,
    signal: AbortSignal,
    times: Partial<WatchTimes> = {},
  ): Promise<ExitWatch> {
    const watch = new ExitWatch(engine, id, { ...defaultTimes, ...times });
    watch.#stream = await openEvents(engine, id, watch.#since, { signal });
    void watch.#follow(watch.#stream);
    void watch.#inspectRegularly();
    return watch;
  }

  /** Called when the engine answers again after an interruption and the container still runs. */
  onReturn: () => Promise<void> = async () => undefined;

  /** Resolves with the time of the start event, in milliseconds since 1970. */
  get started(): Promise<number> {
    return this.#started.promise;
  }

  /** Resolves when the target ended; rejects with ContainerLost when its exit can no longer be known. */
  get exited(): Promise<ContainerExit> {
    return this.#exited.promise;
  }

  get destroyed(): Promise<void> {
    return this.#destroyed.promise;
  }

  /**
   * True when the engine reported that the memory limit killed the target or one of its processes. A busy
   * engine may learn of it only after it removed the container (measured: 1 in 100), and then stays silent.
   */
  get oomKilled(): boolean {
    return this.#oomKilled;
  }

  /** True when the engine sent the target a signal: for us, for a user, or because it shut down. */
  get wasSignalled(): boolean {
    return this.#wasSignalled;
  }

  /** True when the connection was interrupted: the engine may have restarted and missed what happened. */
  get wasInterrupted(): boolean {
    return this.#wasInterrupted;
  }

  /** Ends the watch; pending promises stay pending. */
  close(): void {
    this.#closing.abort();
    this.#stream?.close();
  }

  /** Inspects the container now; settles `exited` when it has ended but its event does not come. */
  async inspect(): Promise<ContainerState['phase']> {
    const limits = { signal: this.#closing.signal, timeoutMs: this.#times.unreachableMs / 4 };
    const state = await inspectState(this.#engine, this.#id, limits);
    this.#lastContact = performance.now();
    if (state.phase === 'created' || state.phase === 'running') return state.phase;
    await sleep(this.#times.eventLagMs, this.#closing.signal);
    if (state.phase === 'exited') {
      this.#oomKilled ||= state.oomKilled;
      this.#end({ exitCode: state.exitCode, at: state.at });
    } else {
      this.#markLost('The container disappeared before its exit code was known');
      this.#destroyed.resolve();
    }
    return state.phase;
  }

  async #follow(first: EventStream): Promise<void> {
    let stream: EventStream | undefined = first;
    while (!this.#closing.signal.aborted) {
      try {
        await this.#read(stream ?? (await this.#reopen()));
      } catch (error) {
        // The engine still does not answer; whether for too long is checked below.
        if (await this.#isGoneForGood(error)) return;
      }
      stream = undefined;
      if (this.#isUnreachableTooLong()) return;
      await this.#pause(this.#times.reconnectEveryMs);
    }
  }

  /** A broken stream means only that the engine was there until now; the container may still run. */
  async #read(stream: EventStream): Promise<void> {
    try {
      for await (const event of stream.events) this.#observe(event);
    } catch {
      stream.close();
    }
    this.#wasInterrupted = true;
    this.#lastContact = performance.now();
  }

  async #reopen(): Promise<EventStream> {
    const limits = { signal: this.#closing.signal, timeoutMs: this.#times.unreachableMs / 4 };
    this.#stream = await openEvents(this.#engine, this.#id, this.#since, limits);
    this.#lastContact = performance.now();
    void this.#inspectAfterReturn();
    return this.#stream;
  }

  /** Another pod reaches the new engine; here, a wait would only delay it. */
  async #isGoneForGood(error: unknown): Promise<boolean> {
    if (!(await isReplaced(this.#engine.socketPath, error))) return false;
    this.#markLost(
      'The Docker Engine was restarted while the target was running, with another socket than the one that is mounted in the pod',
    );
    return true;
  }

  #isUnreachableTooLong(): boolean {
    if (performance.now() - this.#lastContact < this.#times.unreachableMs) return false;
    this.#markLost('The Docker Engine stopped answering while the target was running, and did not come back');
    return true;
  }

  async #inspectAfterReturn(): Promise<void> {
    if ((await this.#tryInspect()) === 'running') await this.onReturn().catch(() => undefined);
  }

  async #inspectRegularly(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.#pause(this.#times.inspectEveryMs);
      await this.#tryInspect();
    }
  }

  /** Ignores errors: the next inspect tries again, and {@link #isUnreachableTooLong} bounds that. */
  async #tryInspect(): Promise<ContainerState['phase'] | undefined> {
    return this.inspect().catch(() => undefined);
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, this.#closing.signal).catch(() => undefined);
  }

  #observe(event: ContainerEvent): void {
    this.#lastContact = performance.now();
    this.#since = Math.floor(event.at / 1000);
    if (event.action === 'start') this.#started.resolve(event.at);
    else if (event.action === 'oom') this.#oomKilled = true;
    else if (event.action === 'kill') this.#wasSignalled = true;
    else if (event.action === 'die') this.#end({ exitCode: event.exitCode, at: event.at });
    else this.#destroy();
  }

  #end(exit: ContainerExit): void {
    this.#hasEnded = true;
    this.#exited.resolve(exit);
  }

  #destroy(): void {
    if (!this.#hasEnded) this.#markLost('The container was removed before its target ended');
    this.#destroyed.resolve();
  }

  #markLost(message: string): void {
    this.#exited.reject(new RunError('ContainerLost', message));
  }
}
