import { membersOf, type PyValue } from '../calls/python-value.ts';
import type { ConversionNotes } from './conversion-notes.ts';

/** What has to be said of an object or dictionary if a call uses it. */
const pending = new WeakMap<object, ConversionNotes>();

export function saidIfUsed(value: object, notes: ConversionNotes): void {
  pending.set(value, notes);
}

/** Says what is pending of all objects that these values lead to, each once. */
export function sayUsed(values: Iterable<PyValue>, notes: ConversionNotes): void {
  const seen = new Set<object>();
  const open = [...values];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    const own = pending.get(value);
    if (own !== undefined) notes.addAll(own);
    for (const member of membersOf(value)) open.push(member);
  }
}
