import type { Writable } from 'node:stream';

/** What a piece that waits costs besides its bytes: a little more than was measured. */
const bytesPerPiece = 512;

/**
 * One end that output goes to. It is waited for while it is slow; once it is broken its bytes are dropped, because
 * what becomes of the output never decides what becomes of the target.
 */
export class Sink {
  readonly #writable: Writable;
  #isBroken = false;
  #pending = 0;
  #given = 0;
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

  /** Hands bytes over, at once; {@link ready} and {@link backlog} tell when to do so. */
  write(data: Buffer): void {
    this.#given += data.length;
    if (this.isBroken || this.#writable.writableEnded) return;
    this.#pending += 1;
    this.#writable.write(data, this.#written);
  }

  /** Bytes the end has taken. */
  get taken(): number {
    return this.#given - this.backlog;
  }

  /** Bytes handed over that the end has not taken yet. */
  get backlog(): number {
    return this.isBroken ? 0 : this.#writable.writableLength;
  }

  /** What was handed over and not taken yet costs in memory, in bytes: a piece of one byte is an object, too. */
  get weight(): number {
    return this.isBroken ? 0 : this.backlog + this.#pending * bytesPerPiece;
  }

  /** Resolves when the end takes bytes again or never will, or after so many milliseconds. */
  async ready(atMostMs: number): Promise<void> {
    if (!this.#isFull() || atMostMs <= 0) return;
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.#wake();
    }, atMostMs);
    await this.#until(() => isOver || !this.#isFull());
    clearTimeout(timer);
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

  #isFull(): boolean {
    return !this.isBroken && this.#writable.writableNeedDrain;
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
