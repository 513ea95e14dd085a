import { onAbort } from './abort.ts';

/** Nothing happened for too long; `message` says what was waited for and how long. */
export class StalledError extends Error {
  override readonly name = 'StalledError';
}

/** Aborts its signal when nobody touched it for `milliseconds`, or when `parent` aborts; stop it when done. */
export class Watchdog implements Disposable {
  readonly #controller = new AbortController();
  readonly #listening: Disposable | undefined;
  #timer: NodeJS.Timeout;
  #milliseconds: number;
  #waitsFor: string;
  #isPaused = false;

  constructor(milliseconds: number, waitsFor: string, parent?: AbortSignal) {
    this.#milliseconds = milliseconds;
    this.#waitsFor = waitsFor;
    this.#timer = this.#arm();
    this.#listening = parent && onAbort(parent, () => this.#controller.abort(parent.reason));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something happened: the wait starts anew. */
  touch(): void {
    if (!this.#isPaused) {
      this.#timer.refresh();
      return;
    }
    this.#isPaused = false;
    this.#timer = this.#arm();
  }

  /** Nothing is expected until the next touch. */
  pause(): void {
    clearTimeout(this.#timer);
    this.#isPaused = true;
  }

  /** From now on something else is waited for, with a time of its own. */
  expect(milliseconds: number, waitsFor: string): void {
    clearTimeout(this.#timer);
    this.#isPaused = false;
    this.#milliseconds = milliseconds;
    this.#waitsFor = waitsFor;
    this.#timer = this.#arm();
  }

  /** Lets go of the timer and of the parent; the signal never aborts after this. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#listening?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #arm(): NodeJS.Timeout {
    const text = () => `no ${this.#waitsFor} for ${this.#milliseconds / 1000} s`;
    return setTimeout(() => this.#controller.abort(new StalledError(text())), this.#milliseconds).unref();
  }
}
