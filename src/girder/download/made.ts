import type { CreatedPath } from '../../io/made-path.ts';

/** What a download has made so far, in order; `onCreate` hears each path just before it is made. */
export class CreatedPaths {
  readonly #paths = new Set<CreatedPath>();
  readonly #onCreate: ((made: CreatedPath) => void) | undefined;

  constructor(onCreate: ((made: CreatedPath) => void) | undefined) {
    this.#onCreate = onCreate;
  }

  note(made: CreatedPath): void {
    this.#onCreate?.(made);
    this.#paths.add(made);
  }

  /** A noted path has no longer to be removed. */
  forget(made: CreatedPath): void {
    this.#paths.delete(made);
  }

  list(): CreatedPath[] {
    return [...this.#paths];
  }
}
