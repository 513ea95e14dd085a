import type { TransferOptions } from './stream-file.ts';

/** The progress of many files as one; how many bytes they have together is known when all of them are listed. */
export class TotalProgress {
  readonly #onProgress: TransferOptions['onProgress'];
  #bytes = 0;
  #total = 0;
  #isListed = false;

  constructor(onProgress: TransferOptions['onProgress']) {
    this.#onProgress = onProgress;
  }

  /** The listener for one more file, whose size may be unknown. */
  file(size: number | undefined): (bytes: number, total: number | undefined) => void {
    let [bytes, total] = [0, size ?? 0];
    this.#total += total;
    return (now, of = Math.max(now, total)) => {
      this.#bytes += now - bytes;
      this.#total += of - total;
      [bytes, total] = [now, of];
      this.#report();
    };
  }

  /** No more files follow. */
  listed(): void {
    this.#isListed = true;
    this.#report();
  }

  #report(): void {
    this.#onProgress?.(this.#bytes, this.#isListed ? this.#total : undefined);
  }
}
