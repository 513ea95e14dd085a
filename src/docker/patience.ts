/** How long something may take, in milliseconds: usually, and from the moment on that the run is cancelled. */
export type Bounds = { readonly usualMs: number; readonly hurriedMs: number };

/**
 * A clock for what has to go on after a cancel, only faster: `signal` aborts after `usualMs`, or `hurriedMs` after
 * `cancel` did (after the beginning, if that was later), whichever is first. Cleaning up cannot take the cancel's
 * own signal, since it would then do nothing.
 */
export class Patience implements Disposable {
  readonly #over = new AbortController();
  readonly #cancel: AbortSignal | undefined;
  readonly #hurriedMs: number;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor({ usualMs, hurriedMs }: Bounds, cancel: AbortSignal | undefined) {
    this.#cancel = cancel;
    this.#hurriedMs = hurriedMs;
    this.#endAfter(usualMs);
    if (cancel?.aborted === true) this.#onCancel();
    else cancel?.addEventListener('abort', this.#onCancel, { once: true });
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#cancel?.removeEventListener('abort', this.#onCancel);
  }

  readonly #onCancel = (): void => this.#endAfter(this.#hurriedMs);

  #endAfter(milliseconds: number): void {
    const late = () =>
      this.#over.abort(new DOMException(`no answer within ${milliseconds / 1000} s`, 'TimeoutError'));
    this.#timers.push(setTimeout(late, milliseconds).unref());
  }
}
