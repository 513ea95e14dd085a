import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { boundsProblem } from '../json-values.ts';
import { type ForEachItem, maxForEachItems } from '../for-each.ts';

/**
 * What the planner of a pass serves at `GET /<uid of its pod>?after=N&done=D` for the controller: counts, and a bounded
 * window of inputs that have to run, in order of `seq`. Asking with `after=N` acknowledges the inputs up to N, which
 * the planner then forgets.
 */

/** Inputs in one answer; the planner stops its walk while so many are not acknowledged. */
export const maxWindowItems = 200;

/** Bytes of an answer: 200 inputs with values of 1 KiB on average. */
export const maxWindowBytes = 512 * 1024;

/** Levels of objects and lists in an answer. */
export const maxWindowDepth = 16;

/** Why an input runs. */
export const whyReasons = ['new', 'inputChanged', 'templateChanged', 'versionChanged', 'retried'] as const;
export type Why = (typeof whyReasons)[number];

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const text = (maxLength: number) => Type.String({ maxLength });

const failureExample = Type.Object({
  itemId: text(64),
  name: text(400),
  resultItemId: Type.Optional(text(64)),
});

/** A reason with which inputs failed for good, with at most three examples. */
export const failureGroup = Type.Object({
  reason: text(128),
  count,
  message: Type.Optional(text(512)),
  examples: Type.Array(failureExample, { maxItems: 3 }),
});
export type FailureGroup = Type.Static<typeof failureGroup>;

const windowItem = Type.Object({
  /** From 1 for each pass. */
  seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  why: Type.Enum([...whyReasons]),
  item: Type.Unsafe<ForEachItem>({ type: 'object' }),
});

const plannerReport = Type.Object({
  /** The uid of the planner's pod: another pod may have its address by now. */
  podUID: text(64),
  pass: count,
  /** `Draining`: the walk is over; marks, report and metadata follow when `done` says that all chunks have ended. */
  state: Type.Enum(['Listing', 'Draining', 'Done', 'Failed'] as const),
  /** A reason of docs/reasons.md, and the sentence, when the pass failed or needs a person. */
  reason: Type.Optional(text(128)),
  message: Type.Optional(text(4096)),
  /** A sentence for people: what the pass waits for now, such as a Girder that does not answer. */
  waits: Type.Optional(text(4096)),
  /** The path of the last input that was compared, for people. */
  cursor: Type.Optional(text(2048)),
  /** The listed inputs by what became of them; `todo` are those with a `seq`. */
  counts: Type.Object({
    listed: count,
    done: count,
    todo: count,
    failed: count,
    excluded: count,
    gone: count,
    unsettled: count,
    waiting: count,
  }),
  why: Type.Record(Type.Enum([...whyReasons]), count),
  failures: Type.Array(failureGroup, { maxItems: 16 }),
  items: Type.Array(windowItem, { maxItems: maxWindowItems }),
  /** Whether the metadata of the results folder asks for a pause, and its `retry` value. */
  pause: Type.Optional(Type.Boolean()),
  retry: Type.Optional(text(256)),
  /** How many requests to Girder had to be repeated in this pass: a sign that it is overloaded. */
  troubles: count,
  /** The inputs as a second walk found them after the end of all chunks, if it found nothing left to do. */
  closing: Type.Optional(Type.Object({ listed: count, done: count, failed: count, excluded: count })),
  /** The report of the pass in Girder. */
  report: Type.Optional(Type.Object({ itemId: text(64), name: text(400) })),
});

export type PlannerReport = Type.Static<typeof plannerReport>;
export type WindowItem = Type.Static<typeof windowItem>;

/** Undefined when the text is not the report of the planner in that pod. */
export function parsePlannerReport(body: string, podUid: string): PlannerReport | undefined {
  if (Buffer.byteLength(body) > maxWindowBytes) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (boundsProblem(value, { depth: maxWindowDepth, bytes: maxWindowBytes }) !== undefined) return undefined;
  return Value.Check(plannerReport, value) && value.podUID === podUid ? value : undefined;
}

/** The most inputs that fit into one chunk. */
export const maxChunkItems = maxForEachItems;
