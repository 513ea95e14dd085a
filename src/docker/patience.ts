import { onAbort } from '../support/abort.ts';

/** How long something may take, in milliseconds: usually, and from the moment on that the run is cancelled. */
export type Bounds = { readonly usualMs: number; readonly afterCancelMs: number };

/**
 * A clock for what has to go on after a cancel, only faster: `signal` aborts after `usualMs`, or `hurriedMs` after
 * `cancel` did (after the beginning, if that was later), whichever is first. Cleaning up cannot take the cancel's
 * own signal, since it would then do nothing.
 */
export class CancelAwareDeadline implements Disposable {
  readonly #over = new AbortController();
  readonly #listening: Disposable | undefined;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor({ usualMs, afterCancelMs }: Bounds, cancel: AbortSignal | undefined) {
    this.#endAfter(usualMs);
    this.#listening = cancel && onAbort(cancel, () => this.#endAfter(afterCancelMs));
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#listening?.[Symbol.dispose]();
  }

  #endAfter(milliseconds: number): void {
    const late = () =>
      this.#over.abort(new DOMException(`no answer within ${milliseconds / 1000} s`, 'TimeoutError'));
    this.#timers.push(setTimeout(late, milliseconds).unref());
  }
}
