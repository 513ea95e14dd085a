/**
 * Calls back when nothing interrupted it for `milliseconds`. What arrived while the process itself stood still (a busy
 * machine, a frozen cgroup) still counts: it is looked for once more before the time is over.
 */
export class QuietTime {
  readonly #milliseconds: number;
  readonly #onOver: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lastLook: NodeJS.Immediate | undefined;

  constructor(milliseconds: number, onOver: () => void) {
    this.#milliseconds = milliseconds;
    this.#onOver = onOver;
    this.interrupt();
  }

  /** Something happened: the time starts anew. */
  interrupt(): void {
    clearImmediate(this.#lastLook);
    if (this.#timer !== undefined) this.#timer.refresh();
    else this.#timer = setTimeout(() => this.#end(), this.#milliseconds);
  }

  /** Until the next interruption the time stands still; a time that is paused for good needs no other end. */
  pause(): void {
    clearImmediate(this.#lastLook);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  // Timers run before the loop looks for input, immediates after it; two turns, since reading may be resumed in one.
  #end(): void {
    this.#lastLook = setImmediate(() => {
      this.#lastLook = setImmediate(this.#onOver);
    });
  }
}
