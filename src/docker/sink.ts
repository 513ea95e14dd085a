import type { Writable } from 'node:stream';

/**
 * One end that output goes to. It is waited for while it is slow; once it is broken its bytes are dropped, because
 * what becomes of the output never decides what becomes of the target.
 */
export class Sink {
  readonly #writable: Writable;
  #isBroken = false;
  #pending = 0;
  #wake: () => void = () => undefined;

  constructor(writable: Writable) {
    this.#writable = writable;
    writable.on('error', this.abandon);
    writable.on('close', this.abandon);
    writable.on('drain', this.#progress);
  }

  /** True when the end failed or was closed; whether that matters is its owner's business. */
  get isBroken(): boolean {
    return this.#isBroken || this.#writable.destroyed;
  }

  /** Hands bytes over; false asks the caller to wait for {@link ready} first. */
  write(data: Buffer): boolean {
    if (this.isBroken || this.#writable.writableEnded) return true;
    this.#pending += 1;
    return this.#writable.write(data, this.#written);
  }

  /** Resolves when the end takes bytes again, or never will. */
  async ready(): Promise<void> {
    await this.#until(() => this.isBroken || !this.#writable.writableNeedDrain);
  }

  /** Resolves when all that was handed over is written, or never will be. */
  async flushed(): Promise<void> {
    await this.#until(() => this.isBroken || this.#pending === 0);
  }

  /** Stops waiting for the end for good: from now on it counts as broken. */
  readonly abandon = (): void => {
    this.#isBroken = true;
    this.#wake();
  };

  /** Lets go of the end without closing it: it is its owner's, and so are its later errors. */
  release(): void {
    this.#writable.off('close', this.abandon);
    this.#writable.off('drain', this.#progress);
    this.#writable.off('error', this.abandon);
  }

  async #until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  readonly #progress = (): void => {
    this.#wake();
  };

  readonly #written = (): void => {
    this.#pending -= 1;
    this.#wake();
  };
}
