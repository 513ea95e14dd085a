import { celPattern, celString, celStrings } from '../cel-text.ts';

/**
 * What of an option's value is dangerous, in the words that a policy lists. Each kind is defined once for both who
 * apply it: `values` for the controller, `cel` (an expression that gives a list of texts) for the API server.
 */
export type DangerousParts<Value> = {
  readonly values: (value: Value) => readonly string[];
  readonly cel: (value: string) => string;
};

/** Nothing of it. */
export const nothing: DangerousParts<unknown> = { values: () => [], cel: () => '[]' };

/** Every text of a list. */
export const each: DangerousParts<readonly string[]> = { values: (texts) => texts, cel: (value) => value };

/** The text itself. */
export const itself: DangerousParts<string> = { values: (text) => [text], cel: (value) => `[${value}]` };

/** The number itself. */
export const number: DangerousParts<number> = {
  values: (value) => [String(value)],
  cel: (value) => `[string(${value})]`,
};

/** A number below 0. */
export const negative: DangerousParts<number> = {
  values: (value) => (value < 0 ? [String(value)] : []),
  cel: (value) => `(${value} < 0 ? [string(${value})] : [])`,
};

/** A number that is not from 1 to the greatest. */
export function notUpTo(greatest: number): DangerousParts<number> {
  return {
    values: (value) => (value > 0 && value <= greatest ? [] : [String(value)]),
    cel: (value) => `(${value} > 0 && ${value} <= ${greatest} ? [] : [string(${value})])`,
  };
}

/** That it is on. */
export const whenTrue: DangerousParts<boolean> = {
  values: (value) => (value ? ['true'] : []),
  cel: (value) => `(${value} ? ['true'] : [])`,
};

/** A text that is none of some. */
export function allBut(harmless: readonly string[]): DangerousParts<string> {
  return {
    values: (text) => (harmless.includes(text) ? [] : [text]),
    cel: (value) => `(${value} in ${celStrings(harmless)} ? [] : [${value}])`,
  };
}

/** Every text of a list that a pattern does not match. */
export function unlike(harmless: RegExp): DangerousParts<readonly string[]> {
  return {
    values: (texts) => texts.filter((text) => !harmless.test(text)),
    cel: (value) => `${value}.filter(text, !text.matches(${celPattern(harmless)}))`,
  };
}

type MapOfAnything = Readonly<Record<string, unknown>>;

/** Every key of a map. */
export const keys: DangerousParts<MapOfAnything> = {
  values: (map) => Object.keys(map),
  cel: (value) => `${value}.map(key, key)`,
};

/** The keys of a map that a pattern matches. */
export function keysLike(pattern: RegExp): DangerousParts<MapOfAnything> {
  return {
    values: (map) => Object.keys(map).filter((key) => pattern.test(key)),
    cel: (value) => `${value}.map(key, key.matches(${celPattern(pattern)}), key)`,
  };
}

/** Those of some names that the elements of a list have. */
export function namesAmong(names: readonly string[]): DangerousParts<readonly { readonly name: string }[]> {
  return {
    values: (elements) => elements.map(({ name }) => name).filter((name) => names.includes(name)),
    cel: (value) => `${value}.map(one, one.name in ${celStrings(names)}, one.name)`,
  };
}

/** What stands before the first colon in each text of a list. */
export const eachBeforeColon: DangerousParts<readonly string[]> = {
  values: (texts) => texts.map((text) => text.split(':')[0] ?? text),
  cel: (value) => `${value}.map(text, text.split(':')[0])`,
};

/** The field `type` of an object, if it is another than one. */
export function typeOtherThan(harmless: string): DangerousParts<{ readonly type: string }> {
  return {
    values: ({ type }) => (type === harmless ? [] : [type]),
    cel: (value) => `(${value}.type == ${celString(harmless)} ? [] : [${value}.type])`,
  };
}
