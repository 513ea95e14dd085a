/** How long the controller may take to ask a worker that is stopping; it asks a running one every four seconds. */
const questionMs = 6_000;

/**
 * Whether another pod takes the place of one that is stopped. Only the controller can know: the signal of an eviction is
 * that of a deletion.
 */
export class PodOutlook {
  readonly #stop: AbortSignal;
  readonly #known = Promise.withResolvers<boolean>();
  #isReplaced: boolean | undefined;

  constructor(stop: AbortSignal) {
    this.#stop = stop;
  }

  /** Call with what each question of the controller says; before the stop it says nothing yet. */
  learn(isReplaced: boolean): void {
    if (!this.#stop.aborted) return;
    this.#isReplaced = isReplaced;
    this.#known.resolve(isReplaced);
  }

  /** What the controller said last since the stop. False if it did not ask: a job that stays RUNNING for ever is worse. */
  async willBeReplaced(milliseconds = questionMs): Promise<boolean> {
    if (!this.#stop.aborted) return false;
    const over = Promise.withResolvers<void>();
    // Nothing else may keep the process alive now, and its end is still to report.
    const timer = setTimeout(over.resolve, milliseconds);
    await Promise.race([this.#known.promise, over.promise]);
    clearTimeout(timer);
    return this.#isReplaced ?? false;
  }
}
