import { longestTimerMs, onAbort } from '../support/abort.ts';

/** Why a running target was stopped by us; `failed` when the rest of the run, as one of its streams, has failed. */
export type StopCause = 'cancelled' | 'deadline' | 'failed';

/** What can stop a target besides its deadline. */
export type StopSignals = { readonly signal: AbortSignal; readonly fail?: AbortSignal | undefined };

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
