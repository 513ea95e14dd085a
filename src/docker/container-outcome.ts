import { longestTimerMs, onAbort } from '../support/abort.ts';
import type { EngineContext } from './engine.ts';
import type { OutputSinks } from './output/output-pump.ts';

/** How the target ended; its exit code is data, whatever it is. Times are ISO 8601, by the engine's clock. */
export type ContainerOutcome = {
  readonly containerID: string;
  /** 137 when the engine killed it and no exit code is known. */
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Set when we stopped it. */
  readonly stopped?: StopCause;
  /** False when a sink broke or stood still, so that not every byte the target wrote was delivered. */
  readonly outputComplete: boolean;
};

/** How a container is followed from its creation to its end. */
export type FollowOptions = OutputSinks & {
  /**
   * Called once, when the container is created and attached and nothing of it runs yet. The start waits for it, and
   * does not come when it rejects; a RunError is thrown on as it is.
   */
  readonly beforeStart?: ((containerID: string) => Promise<void>) | undefined;
  /** Called once the target runs. */
  readonly onStarted: (started: { containerID: string; startedAt: string }) => void;
  /** Stops the target, in any phase, because the run failed elsewhere; before the start, its reason is thrown. */
  readonly fail?: AbortSignal | undefined;
  /** Counted from the start of the target. */
  readonly activeDeadlineMs?: number | undefined;
  /** What the target gets between its stop signal and SIGKILL, in whole seconds rounded up. */
  readonly stopGraceMs: number;
  /** How long the output may stand still after the target's end before the rest is given up; 30 s when absent. */
  readonly drainIdleMs?: number | undefined;
};

/** Aborts when the target is to stop for any reason but its deadline. */
export function stopSignal({ signal }: EngineContext, { fail }: FollowOptions): AbortSignal {
  return fail === undefined ? signal : AbortSignal.any([signal, fail]);
}

/** Why a running target was stopped by us; `failed` when the rest of the run, as one of its streams, has failed. */
type StopCause = 'cancelled' | 'deadline' | 'failed';

/** What can stop a target besides its deadline. */
type StopSignals = { readonly signal: AbortSignal; readonly fail?: AbortSignal | undefined };

/** Resolves with the first cause to stop; `dispose` lets go of the timer and the signals. */
export class StopRequest implements Disposable {
  readonly #resolvers = Promise.withResolvers<StopCause>();
  readonly #listening: Disposable[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor({ signal, fail }: StopSignals) {
    this.#listen(signal, 'cancelled');
    if (fail !== undefined) this.#listen(fail, 'failed');
  }

  get cause(): Promise<StopCause> {
    return this.#resolvers.promise;
  }

  /** Starts the clock of the target, in milliseconds; undefined means no deadline. */
  startClock(milliseconds: number | undefined): void {
    if (milliseconds === undefined) return;
    const step = Math.min(milliseconds, longestTimerMs);
    this.#timer = setTimeout(() => {
      if (step === milliseconds) this.#resolvers.resolve('deadline');
      else this.startClock(milliseconds - step);
    }, step);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const one of this.#listening) one[Symbol.dispose]();
  }

  #listen(signal: AbortSignal, cause: StopCause): void {
    this.#listening.push(onAbort(signal, () => this.#resolvers.resolve(cause)));
  }
}
