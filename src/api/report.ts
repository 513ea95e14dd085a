import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { type DockerRunStatus, dockerRunStatus } from './status.ts';

const { phase, reason, message, target, transfers, results, progress } = dockerRunStatus.properties;

/**
 * What the worker says of a run: live over its read-only HTTP endpoint, and as its final word in the pod's
 * termination message. The fields are those of the status.
 */
const report = Type.Object({ phase, reason, message, target, transfers, results, progress });

export type Report = Pick<
  DockerRunStatus,
  'phase' | 'reason' | 'message' | 'target' | 'transfers' | 'results' | 'progress'
>;

/** The kubelet keeps 4096 bytes of a termination message
 * (https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/). */
const terminationMessageBytes = 4096;

/** The report that a text holds, if it is one: a pod can end without a word of ours. */
export function parseReport(text: string | undefined): Report | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(report, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What a message may take of that, as JSON: control characters of a target take six bytes each. */
const messageBytes = 1536;

/** The final word as it fits into a termination message: what matters least goes first. */
export function terminationMessage(final: Report): string {
  const { progress: _, ...said } = final;
  const { transfers: __, ...withoutTransfers } = shortened(said);
  return (
    [shortened(said), withoutTransfers].map(fitting).find((text) => text !== undefined) ??
    withFewerResults(withoutTransfers) ??
    JSON.stringify({ phase: final.phase, reason: final.reason })
  );
}

function shortened(said: Report): Report {
  return said.message === undefined ? said : { ...said, message: cutToBytes(said.message, messageBytes) };
}

function fitting(candidate: Report): string | undefined {
  const text = JSON.stringify(candidate);
  return Buffer.byteLength(text) <= terminationMessageBytes ? text : undefined;
}

/** As many results as fit, and the message says so; all of them are in Girder whatever the status lists. */
function withFewerResults(said: Report): string | undefined {
  const all = said.results ?? [];
  for (let count = all.length - 1; count >= 0; count -= 1) {
    const results = all.slice(0, count);
    const message = `${said.message ?? ''} The status has room for ${count} of ${all.length} results.`;
    const text = fitting({ ...said, message, results });
    if (text !== undefined) return text;
  }
  return undefined;
}

/** The beginning of a text whose JSON takes at most so many bytes. */
function cutToBytes(text: string, bytes: number): string {
  const fits = (candidate: string) => Buffer.byteLength(JSON.stringify(candidate)) <= bytes;
  if (fits(text)) return text;
  let [shortest, longest] = [0, Math.min(text.length, bytes)];
  while (shortest < longest) {
    const middle = Math.ceil((shortest + longest) / 2);
    if (fits(`${text.slice(0, middle)}…`)) shortest = middle;
    else longest = middle - 1;
  }
  return `${text.slice(0, shortest)}…`;
}
