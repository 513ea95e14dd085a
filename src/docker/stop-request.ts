/** Why a running target was stopped by us; `failed` when the rest of the run, as one of its streams, has failed. */
export type StopCause = 'cancelled' | 'deadline' | 'failed';

/** What can stop a target besides its deadline. */
export type StopSignals = { readonly signal: AbortSignal; readonly fail?: AbortSignal | undefined };

/** Node fires timers above this at once. */
const longestTimerMs = 2_147_483_647;

/** Resolves with the first cause to stop; `dispose` lets go of the timer and the signals. */
export class StopRequest implements Disposable {
  readonly #resolvers = Promise.withResolvers<StopCause>();
  readonly #disposed = new AbortController();
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
    this.#disposed.abort();
  }

  #listen(signal: AbortSignal, cause: StopCause): void {
    const stop = () => this.#resolvers.resolve(cause);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true, signal: this.#disposed.signal });
  }
}
