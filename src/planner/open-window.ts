import type { ForEachItem } from '../api/for-each.ts';
import { maxWindowBytes, maxWindowItems, type Why, type WindowItem } from '../api/set/window.ts';
import { raceAbort } from '../support/abort.ts';

/** The rest of an answer has counts, failures and the like. */
const itemBytes = maxWindowBytes - 96 * 1024;

/** The inputs that have to run and that the controller has not acknowledged: at most {@link maxWindowItems}. */
export class OpenWindow {
  readonly #items: { readonly entry: WindowItem; readonly bytes: number }[] = [];
  #last = 0;
  #room = Promise.withResolvers<void>();

  /** The `seq` of the last input that was added. */
  get last(): number {
    return this.#last;
  }

  /** Waits until there is room. */
  async add(why: Why, item: ForEachItem, signal: AbortSignal): Promise<void> {
    while (this.#items.length >= maxWindowItems) await raceAbort(this.#room.promise, signal);
    const entry = { seq: this.#last + 1, why, item };
    this.#last += 1;
    this.#items.push({ entry, bytes: Buffer.byteLength(JSON.stringify(entry)) + 1 });
  }

  /** Forgets the inputs up to `seq`. A number beyond the last input is not an answer to this window. */
  acknowledge(seq: number): void {
    if (!Number.isSafeInteger(seq) || seq > this.#last) return;
    const index = this.#items.findIndex(({ entry }) => entry.seq > seq);
    const count = index === -1 ? this.#items.length : index;
    if (count === 0) return;
    this.#items.splice(0, count);
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  /** The first inputs, as many as fit into an answer. */
  first(): WindowItem[] {
    let left = itemBytes;
    const fitting = this.#items.findIndex(({ bytes }) => (left -= bytes) < 0);
    return this.#items.slice(0, fitting === -1 ? undefined : fitting).map(({ entry }) => entry);
  }
}
