import type { MadePath } from '../../io/made-path.ts';

/** What a download has made so far, in order; `onCreate` hears each path just before it is made. */
export class MadePaths {
  readonly #paths = new Set<MadePath>();
  readonly #onCreate: ((made: MadePath) => void) | undefined;

  constructor(onCreate: ((made: MadePath) => void) | undefined) {
    this.#onCreate = onCreate;
  }

  note(made: MadePath): void {
    this.#onCreate?.(made);
    this.#paths.add(made);
  }

  /** A noted path has no longer to be removed. */
  forget(made: MadePath): void {
    this.#paths.delete(made);
  }

  list(): MadePath[] {
    return [...this.#paths];
  }
}
