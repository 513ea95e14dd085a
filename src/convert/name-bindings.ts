import type { PyValue } from '../calls/python-value.ts';
import type { Block } from './python/python-program.ts';
import { unknownValue } from './unknown-value.ts';

type Binding = { readonly value: PyValue; readonly block: readonly Block[]; readonly line: number };

/** The values of names, as far as they follow from the text: what a condition decides is not known. */
export class NameBindings {
  readonly #bindings = new Map<string, Binding[]>();

  bind(name: string, binding: Binding): void {
    this.#bindings.set(name, [...(this.#bindings.get(name) ?? []), binding]);
  }

  /** The value that a name has at a statement of this block; undefined if it has none in this program. */
  valueOf(name: string, block: readonly Block[], line: number): PyValue | undefined {
    for (const binding of (this.#bindings.get(name) ?? []).toReversed()) {
      const depth = binding.block.findIndex((one, index) => one !== block[index]);
      if (depth === -1) return binding.value;
      const isLocal = binding.block.slice(depth).some(({ kind }) => kind === 'function');
      if (!isLocal)
        return unknownValue({ source: name, line, why: `a condition on line ${binding.line} decides it` });
    }
    return undefined;
  }
}
