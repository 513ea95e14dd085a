import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { boundsProblem, isRecord, textOf } from '../json-values.ts';

/**
 * The receipt: metadata of a result item under the key `dockerrun`, written last. It is the only record of what has
 * been done, and provenance that a scientist can read.
 */
export const receiptKey = 'dockerrun';

/** The key of a set in a folder that several sets share. Girder takes no dots in a key. */
export function sharedKey(name: string): string {
  return `${receiptKey}-${name.replaceAll('.', '_')}`;
}

const longest = {
  name: 1024,
  message: 2048,
  digest: 128,
  time: 64,
  image: 1024,
  files: 256,
  outputs: 1000,
} as const;

const text = (maxLength: number) => Type.String({ maxLength });
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const receiptFile = Type.Object({
  id: text(longest.time),
  name: Type.Optional(text(longest.name)),
  size: count,
  created: text(longest.time),
  sha512: Type.Optional(text(longest.digest)),
});

const receipt = Type.Object({
  /** `<namespace>/<name>` of the DockerRunSet; another set never replaces the result. */
  set: text(longest.name),
  input: Type.Object({
    id: text(longest.time),
    name: text(longest.name),
    updated: Type.Optional(text(longest.time)),
    size: Type.Optional(count),
    /** At most 256; of a folder, or of an item with more files, only `filesDigest` says what they were. */
    files: Type.Array(receiptFile, { maxItems: longest.files }),
    filesDigest: text(longest.digest),
  }),
  /**
   * The ids of the files that the result consists of, with the log: what the next one may remove. At most 1000; of a
   * result with more, the others stay.
   */
  outputs: Type.Optional(Type.Array(text(longest.time), { maxItems: longest.outputs })),
  /** Of template, version and used values, without the bytes of the files; see recipe.ts. */
  recipe: text(longest.digest),
  /** Of the recipe and the files. */
  digest: text(longest.digest),
  state: Type.Enum(['Succeeded', 'Failed'] as const),
  reason: Type.Optional(text(longest.name)),
  message: Type.Optional(text(longest.message)),
  exitCode: Type.Optional(Type.Integer()),
  /** How many attempts there were since the recipe last changed. */
  attempts: count,
  image: text(longest.image),
  imageDigest: Type.Optional(text(longest.image)),
  version: Type.Optional(text(longest.name)),
  /** `<namespace>/<name>` of the DockerRun that made it. */
  run: text(longest.name),
  /** Its UID: a later attempt of the same run does not repeat what has failed. */
  runUid: Type.Optional(text(longest.time)),
  startedAt: Type.Optional(text(longest.time)),
  finishedAt: text(longest.time),
  /** Set by the planner when the input is gone (`whenInputIsGone: Mark`): since when. */
  inputGoneSince: Type.Optional(text(longest.time)),
});

/** The most files of an input, and of its result, that a receipt lists. */
export const maxReceiptFiles = longest.files;
export const maxReceiptOutputs = longest.outputs;

/** In characters, of the message and of any other text of a receipt. */
export const longestOfReceipt = { message: longest.message, text: longest.name } as const;

export type Receipt = Type.Static<typeof receipt>;
export type ReceiptFile = Type.Static<typeof receiptFile>;

/** More than any receipt has: 256 files and 1000 outputs. */
export const receiptBounds = { depth: 8, bytes: 256 * 1024 } as const;

/** Undefined for what is not a receipt: anybody who may write to the item may have written it. */
export function parseReceipt(value: unknown): Receipt | undefined {
  if (boundsProblem(value, receiptBounds) !== undefined) return undefined;
  return Value.Check(receipt, value) ? value : undefined;
}

/** Whose a result item is, by the value of {@link receiptKey} in its metadata. */
export type ResultOwner =
  /** The set's. It has no receipt while the set has only claimed it, or if somebody has damaged the receipt. */
  | { readonly kind: 'own'; readonly receipt: Receipt | undefined }
  /** Nobody's: a set may claim it if it has no files. */
  | { readonly kind: 'unmarked' }
  /** That of another set, or of a value that names none. */
  | { readonly kind: 'other'; readonly set: string | undefined };

/** What the planner and the chunks of a set both go by; the first case that fits counts. */
export function resultOwner(value: unknown, set: string): ResultOwner {
  if (value === undefined) return { kind: 'unmarked' };
  const owner = isRecord(value) ? value['set'] : undefined;
  if (owner === set) return { kind: 'own', receipt: parseReceipt(value) };
  return { kind: 'other', set: textOf(owner)?.slice(0, longestShown) };
}

/** Characters of the name of a set that somebody else wrote. */
const longestShown = 200;

/** Why a set leaves an item with files alone, and what to do: a sentence that begins with its verb. */
export function foreignText(owner: Exclude<ResultOwner, { readonly kind: 'own' }>): string {
  if (owner.kind === 'other' && owner.set !== undefined) return `belongs to the DockerRunSet ${owner.set}`;
  const what =
    owner.kind === 'other'
      ? `has metadata "${receiptKey}" that names no DockerRunSet`
      : 'has files, but no receipt of a DockerRunSet';
  return `${what}; delete the item to have the input run`;
}
