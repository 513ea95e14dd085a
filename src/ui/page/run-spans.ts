import type { RunObject } from './run-object.ts';

/** A part of the life of a run, in milliseconds since 1970. */
export type Span = {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly kind: string;
};

/** The spans of a run in order, in milliseconds since 1970. The last one ends now while the run lasts. */
export function spansOf({ metadata = {}, status = {} }: RunObject, now: number): Span[] {
  const time = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text));
  const end = time(status.completionTime) ?? now;
  const last = status.attemptHistory?.at(-1);
  const started = time(last?.startTime) ?? time(status.startTime);
  const marks: [string, string, number | undefined][] = [
    ['waiting', 'waiting', time(metadata.creationTimestamp)],
    ['preparing', 'busy', started],
    ['target', 'target', time(status.target?.startedAt)],
    [status.phase === 'Running' ? 'target' : 'uploading', 'busy', time(status.target?.finishedAt)],
  ];
  const known = marks.flatMap(([label, kind, from]) => (from === undefined ? [] : [{ label, kind, from }]));
  return known.map((mark, index) => ({ ...mark, to: Math.max(mark.from, known[index + 1]?.from ?? end) }));
}
