import { sleep } from '../support/abort.ts';
import { RunError } from '../support/errors.ts';
import {
  type ContainerEvent,
  type ContainerState,
  type EventStream,
  inspectState,
  openEvents,
} from './container-state.ts';
import type { Engine } from './engine.ts';

/** How the target ended; times are milliseconds since 1970 by the engine's clock. */
export type ContainerExit = { readonly exitCode: number; readonly at: number };

/** Bounds and intervals of the watch, in milliseconds. */
export type WatchTimes = {
  /** How long the engine may be unreachable before the container counts as lost. */
  readonly unreachableMs: number;
  /** How often the container is looked at, in case an event got lost. */
  readonly inspectEveryMs: number;
  /** How long an event may lag behind what an inspect already shows. */
  readonly eventLagMs: number;
  readonly reconnectEveryMs: number;
};

const usualTimes: WatchTimes = {
  unreachableMs: 60_000,
  inspectEveryMs: 30_000,
  eventLagMs: 2_000,
  reconnectEveryMs: 500,
};

/** Clocks of engine and worker may differ by this many seconds; older events of one container do no harm. */
const clockSkewSeconds = 60;

/**
 * Follows one container from before its start to its removal through the engine's events. They are the only
 * source that keeps the exit code of a container that removes itself: a wait would have to be registered at an
 * unobservable moment, and an inspect may come too late.
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
  #lastContact = Date.now();
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

  /** Resolves when the engine has confirmed the subscription: from then on no event is missed. */
  static async open(
    engine: Engine,
    id: string,
    signal: AbortSignal,
    times: Partial<WatchTimes> = {},
  ): Promise<ExitWatch> {
    const watch = new ExitWatch(engine, id, { ...usualTimes, ...times });
    watch.#stream = await openEvents(engine, id, watch.#since, { signal });
    void watch.#follow(watch.#stream);
    void watch.#inspectRegularly();
    return watch;
  }

  /** Called when the engine is back after it was away and the container still runs. */
  onReturn: () => Promise<void> = async () => undefined;

  /** Resolves with the time of the start event. */
  get started(): Promise<number> {
    return this.#started.promise;
  }

  /** Resolves when the target ended; rejects with RunError ContainerLost when that can no longer be known. */
  get exited(): Promise<ContainerExit> {
    return this.#exited.promise;
  }

  /** Resolves when the engine has removed the container. */
  get destroyed(): Promise<void> {
    return this.#destroyed.promise;
  }

  /**
   * True when the engine saw the memory limit kill the target or a part of it. On a busy node the engine may hear
   * of that only after it removed the container (1 in 100 measured), and then says nothing.
   */
  get oomKilled(): boolean {
    return this.#oomKilled;
  }

  /** True when someone asked the engine to send the target a signal: we, a user, or the engine shutting down. */
  get wasSignalled(): boolean {
    return this.#wasSignalled;
  }

  /** True when the engine was away for a while: it may have been restarted, and what it saw meanwhile is lost. */
  get wasInterrupted(): boolean {
    return this.#wasInterrupted;
  }

  /** Ends the watch; what is unsettled stays so. */
  close(): void {
    this.#closing.abort();
    this.#stream?.close();
  }

  /** Looks at the container now; settles `died` when it ended and its event does not come. */
  async inspect(): Promise<ContainerState['phase']> {
    const limits = { signal: this.#closing.signal, timeoutMs: this.#times.unreachableMs / 4 };
    const state = await inspectState(this.#engine, this.#id, limits);
    this.#lastContact = Date.now();
    if (state.phase === 'created' || state.phase === 'running') return state.phase;
    await sleep(this.#times.eventLagMs, this.#closing.signal);
    if (state.phase === 'exited') {
      this.#oomKilled ||= state.oomKilled;
      this.#end({ exitCode: state.exitCode, at: state.at });
    } else {
      this.#markLost('The container vanished before its exit code was known');
      this.#destroyed.resolve();
    }
    return state.phase;
  }

  async #follow(first: EventStream): Promise<void> {
    let stream: EventStream | undefined = first;
    while (!this.#closing.signal.aborted) {
      try {
        await this.#read(stream ?? (await this.#reopen()));
      } catch {
        // The engine is still away; whether that is for too long is decided below.
      }
      stream = undefined;
      if (this.#isUnreachableTooLong()) return;
      await this.#pause(this.#times.reconnectEveryMs);
    }
  }

  /** A stream that breaks says nothing about the container, only that the engine was there until now. */
  async #read(stream: EventStream): Promise<void> {
    try {
      for await (const event of stream.events) this.#observe(event);
    } catch {
      stream.close();
    }
    this.#wasInterrupted = true;
    this.#lastContact = Date.now();
  }

  async #reopen(): Promise<EventStream> {
    const limits = { signal: this.#closing.signal, timeoutMs: this.#times.unreachableMs / 4 };
    this.#stream = await openEvents(this.#engine, this.#id, this.#since, limits);
    this.#lastContact = Date.now();
    void this.#inspectAfterReturn();
    return this.#stream;
  }

  #isUnreachableTooLong(): boolean {
    if (Date.now() - this.#lastContact < this.#times.unreachableMs) return false;
    this.#markLost('The Docker Engine went away while the target was running and did not come back');
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

  /** An engine that does not answer now is asked again; {@link #isUnreachableTooLong} ends that. */
  async #tryInspect(): Promise<ContainerState['phase'] | undefined> {
    return this.inspect().catch(() => undefined);
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, this.#closing.signal).catch(() => undefined);
  }

  #observe(event: ContainerEvent): void {
    this.#lastContact = Date.now();
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

  #markLost(what: string): void {
    this.#exited.reject(new RunError('ContainerLost', what));
  }
}
