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

/** The final word as it fits into a termination message: what matters least goes first. */
export function terminationMessage(final: Report): string {
  const message = final.message === undefined ? {} : { message: cut(final.message, 1024) };
  const { progress: _, ...said } = { ...final, ...message };
  const { transfers: __, ...withoutTransfers } = said;
  const { results: ___, ...withoutResults } = withoutTransfers;
  const all = [said, withoutTransfers, withoutResults].map((candidate) => JSON.stringify(candidate));
  return (
    all.find((text) => Buffer.byteLength(text) <= terminationMessageBytes) ??
    JSON.stringify({ phase: final.phase })
  );
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
