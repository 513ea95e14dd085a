import { isRecord } from './json-values.ts';

/**
 * `$(name)` in commands and arguments. `$$(name)` is the literal text `$(name)`, as in Kubernetes
 * (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/).
 * Text that cannot be a name, such as `$(cat file)`, stays as it is. The lookbehind keeps the search linear: a
 * match can only start at the first dollar of a row.
 */
export const reference = /(?<!\$)(\$+)\(([A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)\)/g;

/** The names that a text refers to, in order. */
export function referencedNames(text: string): string[] {
  return [...text.matchAll(reference)].flatMap(([, dollars = '', name]) =>
    dollars.length % 2 === 0 || name === undefined ? [] : [name],
  );
}

/** The `$(item.…)` names in any text of a value, such as `item.id` or `item.meta.stain`; sorted, each once. */
export function usedItemNames(value: unknown): string[] {
  const names = textsOf(value)
    .flatMap(referencedNames)
    .filter((name) => name.startsWith('item.'));
  return [...new Set(names)].toSorted();
}

/** Every text in a value that JSON can hold. */
export function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return isRecord(value) ? Object.values(value).flatMap(textsOf) : [];
}

/** Replaces each reference, and `$$` before one by `$`. A reference to a name without a value stays. */
export function expandReferences(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(reference, (_, dollars: string, name: string) => {
    const literal = '$'.repeat(Math.floor(dollars.length / 2));
    if (dollars.length % 2 === 0) return `${literal}(${name})`;
    return `${literal}${values.get(name) ?? `$(${name})`}`;
  });
}
