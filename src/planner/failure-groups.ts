import type { FailureGroup } from '../api/set/window.ts';

type Example = FailureGroup['examples'][number];
type Failure = { readonly reason: string; readonly message: string } & Example;

const most = { groups: 16, examples: 3 } as const;
const longest = { reason: 128, message: 512, id: 64, name: 400 } as const;

/** Stands for the reasons that have no group of their own. */
const otherReasons = 'Others';

/** Inputs that failed for good, by reason, with examples: its size does not depend on their number. */
export class FailureGroups {
  readonly #groups = new Map<string, { count: number; message: string; examples: Example[] }>();

  add({ reason, message, itemId, name, resultItemId }: Failure): void {
    const key = this.#keyOf(cut(reason, longest.reason));
    const group = this.#groups.get(key) ?? { count: 0, message: cut(message, longest.message), examples: [] };
    this.#groups.set(key, group);
    group.count += 1;
    if (group.examples.length >= most.examples) return;
    const example = { itemId: cut(itemId, longest.id), name: cut(name, longest.name) };
    group.examples.push(resultItemId === undefined ? example : { ...example, resultItemId });
  }

  list(): FailureGroup[] {
    const groups = [...this.#groups].map(([reason, group]) => ({ reason, ...group }));
    return groups.toSorted((a, b) => b.count - a.count);
  }

  #keyOf(reason: string): string {
    const isFull = this.#groups.size >= most.groups - 1 && !this.#groups.has(reason);
    return isFull ? otherReasons : reason;
  }
}

function cut(text: string, length: number): string {
  return text.slice(0, length).toWellFormed();
}
