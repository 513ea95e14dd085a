import type { PyValue } from '../calls/python-value.ts';
import type { Block } from './python/python-program.ts';
import { unknownValue } from './unknown-value.ts';

type Binding = { readonly value: PyValue; readonly block: readonly Block[]; readonly line: number };

/** How many assignments of a name are looked at: those in other functions are passed over. */
const mostLooked = 100;

/** The values of names, as far as they follow from the text: what a condition decides is not known. */
export class NameBindings {
  readonly #bindings = new Map<string, Binding[]>();

  bind(name: string, binding: Binding): void {
    const known = this.#bindings.get(name);
    if (known === undefined) this.#bindings.set(name, [binding]);
    else known.push(binding);
  }

  /** The value that a name has at a statement of this block; undefined if it has none in this program. */
  valueOf(name: string, block: readonly Block[], line: number): PyValue | undefined {
    const bindings = this.#bindings.get(name) ?? [];
    for (let at = bindings.length - 1; at >= 0 && at >= bindings.length - mostLooked; at -= 1) {
      const binding = bindings[at];
      const depth = binding?.block.findIndex((one, index) => one !== block[index]) ?? -1;
      if (binding === undefined || depth === -1) return binding?.value;
      const isLocal = binding.block.slice(depth).some(({ kind }) => kind === 'function');
      if (!isLocal)
        return unknownValue({ source: name, line, why: `a condition on line ${binding.line} decides it` });
    }
    return undefined;
  }
}
