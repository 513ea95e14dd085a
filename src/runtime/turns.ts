/** Work of the same key is done one after another, in the order in which it came; that of other keys at the same time. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does work at once if the key is undefined. */
  async take<T>(key: string | undefined, work: () => Promise<T>): Promise<T> {
    if (key === undefined) return work();
    const before = this.#last.get(key) ?? Promise.resolve();
    const own = before.then(work, work);
    this.#last.set(key, own);
    try {
      return await own;
    } finally {
      if (this.#last.get(key) === own) this.#last.delete(key);
    }
  }
}
