import { sourceOf } from './policy/patterns.ts';

/** CEL text is written here for the API server (https://kubernetes.io/docs/reference/using-api/cel/). */

/** A literal of CEL for a text. */
export function celString(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

/** A literal of CEL for a regular expression that JavaScript and RE2 read in the same way. */
export function celPattern(pattern: RegExp): string {
  return `r'${sourceOf(pattern)}'`;
}

/** A literal of CEL for a list of texts. */
export function celStrings(texts: readonly string[]): string {
  return `[${texts.map(celString).join(', ')}]`;
}

/** The value of a field, or a value in its place when it is absent; of any type, since the two may have different ones. */
export function celOr(object: string, field: string, absent: string): string {
  return `(has(${object}.${field}) ? dyn(${object}.${field}) : dyn(${absent}))`;
}

/** A list of texts that belong together; each is said to be one, since all elements of a list must be of one type. */
export function celTuple(...texts: readonly string[]): string {
  return `[${texts.map((text) => `string(${text})`).join(', ')}]`;
}
