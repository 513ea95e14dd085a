import type { Writable } from 'node:stream';

/** Memory of a pending piece in addition to its bytes: a little more than was measured. */
const bytesPerPiece = 512;

/**
 * A writable that one output goes to. A slow one is waited for; the bytes for a broken one are dropped,
 * because the output never decides how the run ends.
 */
export class Sink {
  readonly #writable: Writable;
  #isBroken = false;
  #pending = 0;
  #handedOver = 0;
  #wake: () => void = () => undefined;

  constructor(writable: Writable) {
    this.#writable = writable;
    writable.on('error', this.abandon);
    writable.on('close', this.abandon);
    writable.on('drain', this.#progress);
  }

  /** True when the writable failed or was closed; the owner decides whether that matters. */
  get isBroken(): boolean {
    return this.#isBroken || this.#writable.destroyed;
  }

  /** Hands bytes over at once; wait for {@link ready} first to apply back-pressure. */
  write(data: Buffer): void {
    this.#handedOver += data.length;
    if (this.isBroken || this.#writable.writableEnded) return;
    this.#pending += 1;
    this.#writable.write(data, this.#written);
  }

  /** Bytes that the writable has taken. */
  get taken(): number {
    return this.#handedOver - this.backlog;
  }

  /** Bytes that were handed over and not taken yet. */
  get backlog(): number {
    return this.isBroken ? 0 : this.#writable.writableLength;
  }

  /** Memory of the backlog in bytes: even a piece of one byte is an object. */
  get weight(): number {
    return this.isBroken ? 0 : this.backlog + this.#pending * bytesPerPiece;
  }

  /** Resolves when the writable takes bytes again or never will, or after `atMostMs` milliseconds. */
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

  /** Resolves when everything that was handed over is written, or never will be. */
  async flushed(): Promise<void> {
    await this.#until(() => this.isBroken || this.#pending === 0);
  }

  /** Stops waiting for the writable for good; from now on it counts as broken. */
  readonly abandon = (): void => {
    this.#isBroken = true;
    this.#wake();
  };

  /** Removes the listeners without closing the writable; its owner handles it and its later errors. */
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
