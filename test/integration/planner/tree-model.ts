import type { Why } from '../../../src/api/set/window.ts';

type Input = { path: string; files: number };

/** A result by what it was made from. */
type Result = {
  readonly of: string;
  readonly files: number;
  readonly version: string;
  readonly hasFailed: boolean;
  isMarked: boolean;
};

export type ExpectedPass = {
  /** Why inputs run, by their ids. */
  readonly runs: Readonly<Record<string, Why>>;
  readonly done: number;
  readonly failed: number;
};

/** Items of a folder before the folders in it, each by name. */
function inWalkOrder(one: string, other: string): number {
  const [a, b] = [one.split('/'), other.split('/')];
  const depth = a.findIndex((name, index) => name !== b[index]);
  const isItem = (parts: readonly string[]) => Number(parts.length === depth + 1);
  return isItem(b) - isItem(a) || ((a[depth] ?? '') < (b[depth] ?? '') ? -1 : 1);
}

/** What a set should make of a tree: the inputs and the results by their paths, and nothing of how they are listed. */
export class TreeModel {
  version = '1';
  isRetried = false;
  readonly #inputs = new Map<string, Input>();
  readonly #results = new Map<string, Result>();

  add(id: string, path: string): void {
    this.#inputs.set(id, { path, files: 1 });
  }

  move(id: string, path: string): void {
    this.#inputOf(id).path = path;
  }

  delete(id: string): void {
    this.#inputs.delete(id);
  }

  change(id: string): void {
    this.#inputOf(id).files += 1;
  }

  redo(path: string): void {
    this.#results.delete(path);
  }

  /** Another version of the set, with which all runs. */
  nextVersion(): void {
    this.version = String(Number(this.version) + 1);
  }

  /** What failed for good is tried again. */
  retry(): void {
    this.isRetried = true;
  }

  /** The id of the input at a path. */
  at(path: string): string | undefined {
    return [...this.#inputs].find(([, input]) => input.path === path)?.[0];
  }

  nth(number: number): string | undefined {
    const ids = [...this.#inputs.keys()];
    return ids[number % Math.max(1, ids.length)];
  }

  /** The path of the result of an input, if it is at its place. */
  resultOf(id: string): string | undefined {
    const { path } = this.#inputOf(id);
    return this.#results.get(path)?.of === id ? path : undefined;
  }

  /** What the next pass does; results move and are marked with it. */
  pass(): ExpectedPass {
    this.#settleOrphans();
    const runs: Record<string, Why> = {};
    const counts = { done: 0, failed: 0 };
    for (const [id, input] of this.#inputs) {
      const result = this.#results.get(input.path);
      const why = this.#whyOf(id, input, result);
      if (why !== undefined) runs[id] = why;
      else counts[result?.hasFailed === true ? 'failed' : 'done'] += 1;
    }
    this.isRetried = false;
    return { runs, ...counts };
  }

  worked(ids: readonly string[], hasFailed: (path: string) => boolean): void {
    for (const of of ids) {
      const { path, files } = this.#inputOf(of);
      const { version } = this;
      this.#results.set(path, { of, files, version, hasFailed: hasFailed(path), isMarked: false });
    }
  }

  results(): Record<string, { readonly of: string; readonly isMarked: boolean }> {
    return Object.fromEntries(
      Array.from(this.#results, ([path, { of, isMarked }]) => [path, { of, isMarked }]),
    );
  }

  /** Results without an input at their place follow theirs, unless another result is there, or are marked. */
  #settleOrphans(): void {
    const orphans = [...this.#results].filter(([path]) => this.at(path) === undefined);
    for (const [path, result] of orphans.toSorted(([a], [b]) => inWalkOrder(a, b))) {
      const input = this.#inputs.get(result.of);
      if (input === undefined) result.isMarked = true;
      else if (!this.#results.has(input.path)) {
        this.#results.delete(path);
        this.#results.set(input.path, result);
      }
    }
  }

  #whyOf(id: string, { files }: Input, result: Result | undefined): Why | undefined {
    if (result === undefined) return 'new';
    if (result.version !== this.version) return 'versionChanged';
    if (result.of !== id || result.files !== files) return 'inputChanged';
    return result.hasFailed && this.isRetried ? 'retried' : undefined;
  }

  #inputOf(id: string): Input {
    const input = this.#inputs.get(id);
    if (input === undefined) throw new Error(`there is no input ${id}`);
    return input;
  }
}
