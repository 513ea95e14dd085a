import { isRecord, numberOf, textOf } from '../../support/narrow.ts';

/** Called while an image is pulled: bytes of all layers known so far, and a word on what happens. */
export type OnPullProgress = (currentBytes: number, totalBytes: number, message: string) => void;

/** Adds up what the engine says about each layer; the total grows while layers become known. */
export class PullProgress {
  readonly #layers = new Map<string, { current: number; total: number }>();
  readonly #onProgress: OnPullProgress;

  constructor(onProgress: OnPullProgress) {
    this.#onProgress = onProgress;
  }

  /**
   * Takes in one line of the pull.
   * @throws Error with the engine's words when the line says that the pull failed
   */
  observe(line: unknown): void {
    if (!isRecord(line)) return;
    const detail = isRecord(line['errorDetail']) ? textOf(line['errorDetail']['message']) : undefined;
    const failure = detail ?? textOf(line['error']);
    if (failure !== undefined) throw new Error(failure);
    const status = textOf(line['status']);
    if (status === undefined) return;
    const layer = textOf(line['id']);
    if (layer !== undefined) this.#count(layer, status, line['progressDetail']);
    this.#report(status);
  }

  #count(layer: string, status: string, detail: unknown): void {
    const known = this.#layers.get(layer);
    if (status === 'Downloading' && isRecord(detail)) {
      const current = numberOf(detail['current']) ?? 0;
      this.#layers.set(layer, { current, total: Math.max(numberOf(detail['total']) ?? 0, current) });
    } else if (known !== undefined && status !== 'Retrying') {
      this.#layers.set(layer, { current: known.total, total: known.total });
    }
  }

  #report(message: string): void {
    let current = 0;
    let total = 0;
    for (const layer of this.#layers.values()) {
      current += layer.current;
      total += layer.total;
    }
    this.#onProgress(current, total, message);
  }
}
