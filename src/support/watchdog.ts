import { onAbort } from './abort.ts';

/** Nothing happened for too long; `message` says what was expected, and for how long. */
export class StalledError extends Error {
  override readonly name = 'StalledError';
}

/** Aborts its signal after `milliseconds` without a touch, or with `parent`; must be stopped or disposed. */
export class Watchdog implements Disposable {
  readonly #controller = new AbortController();
  readonly #listening: Disposable | undefined;
  #timer: NodeJS.Timeout;
  #milliseconds: number;
  #expected: string;
  #isPaused = false;

  constructor(milliseconds: number, expected: string, parent?: AbortSignal) {
    this.#milliseconds = milliseconds;
    this.#expected = expected;
    this.#timer = this.#arm();
    this.#listening = parent && onAbort(parent, () => this.#controller.abort(parent.reason));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Restarts the wait, because something happened. */
  touch(): void {
    if (!this.#isPaused) {
      this.#timer.refresh();
      return;
    }
    this.#isPaused = false;
    this.#timer = this.#arm();
  }

  /** Stops the clock until the next touch. */
  pause(): void {
    clearTimeout(this.#timer);
    this.#isPaused = true;
  }

  /** Stops the clock while `work` runs, which has a time limit of its own, and restarts the wait after it. */
  async pausedFor<T>(work: () => Promise<T>): Promise<T> {
    this.pause();
    try {
      return await work();
    } finally {
      this.touch();
    }
  }

  /** Restarts the wait for something else, with another time limit. */
  expect(milliseconds: number, expected: string): void {
    clearTimeout(this.#timer);
    this.#isPaused = false;
    this.#milliseconds = milliseconds;
    this.#expected = expected;
    this.#timer = this.#arm();
  }

  /** Releases the timer and the listener on the parent; the signal never aborts after this. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#listening?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #arm(): NodeJS.Timeout {
    const text = () => `no ${this.#expected} for ${this.#milliseconds / 1000} s`;
    return setTimeout(() => this.#controller.abort(new StalledError(text())), this.#milliseconds).unref();
  }
}
