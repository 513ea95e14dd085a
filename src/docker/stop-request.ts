/** Why a running target was stopped by us. */
export type StopCause = 'cancelled' | 'deadline';

/** Node fires timers above this at once. */
const longestTimerMs = 2_147_483_647;

/** Resolves with the first cause to stop; `dispose` lets go of the timer and the signal. */
export class StopRequest implements Disposable {
  readonly #resolvers = Promise.withResolvers<StopCause>();
  readonly #signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
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
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    this.#resolvers.resolve('cancelled');
  };
}
