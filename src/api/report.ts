import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseJson } from './json-values.ts';
import { type DockerRunStatus, dockerRunStatus } from './status.ts';

const { phase, reason, message, target, transfers, results, resultCount, progress } =
  dockerRunStatus.properties;

/**
 * What the worker reports of a run: live over its read-only HTTP endpoint, and at its end in the pod's termination
 * message. The fields are those of the status.
 */
const report = Type.Object({
  phase,
  reason,
  message,
  target,
  transfers,
  results,
  resultCount,
  progress,
});

/** What a worker reports of its run; see `report` above. */
export type Report = Pick<
  DockerRunStatus,
  'phase' | 'reason' | 'message' | 'target' | 'transfers' | 'results' | 'resultCount' | 'progress'
>;

/** The kubelet keeps 4096 bytes of a termination message
 * (https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/). */
export const terminationMessageBytes = 4096;

/** What the results of a report may take of that, as JSON: about 15 of them. The target and a message need the rest. */
export const mostResultBytes = 3072;

/** What a message may take at most, as JSON: control characters of a target take six bytes each. */
export const mostMessageBytes = 1536;

/**
 * A longer text is not from a worker: it has `mostResultBytes` of results, and of each of 256 transforms at most a
 * download and an upload of about 170 bytes.
 */
export const mostReportBytes = 128 * 1024;

/** The report that a text holds, if it is one: a pod can end without a report, and anything can answer for a worker. */
export function parseReport(text: string | undefined): Report | undefined {
  if (text === undefined || Buffer.byteLength(text) > mostReportBytes) return undefined;
  const value = parseJson(text);
  return Value.Check(report, value) ? value : undefined;
}

/** The final report as it fits into a termination message: transfers are left out first, then the message is cut. */
export function terminationMessage(final: Report): string {
  const { progress: _, ...lasting } = final;
  const short = withMessageOf(lasting, mostMessageBytes);
  const { transfers: __, ...withoutTransfers } = short;
  const candidates = [
    short,
    withoutTransfers,
    withMessageOf(withoutTransfers, messageRoom(withoutTransfers)),
  ];
  const { phase, reason } = final;
  return JSON.stringify(candidates.find(fits) ?? { phase, reason });
}

function messageRoom(report: Report): number {
  return terminationMessageBytes - jsonBytes({ ...report, message: '' }) + jsonBytes('');
}

function withMessageOf(report: Report, bytes: number): Report {
  return report.message === undefined
    ? report
    : { ...report, message: truncateToBytes(report.message, bytes) };
}

const fits = (candidate: Report) => jsonBytes(candidate) <= terminationMessageBytes;

export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** The largest number from 0 to `most` that fits, if every smaller one does as well; 0 when none fits. */
function largestFitting(most: number, fits: (count: number) => boolean): number {
  let [least, greatest] = [0, most];
  while (least < greatest) {
    const middle = Math.ceil((least + greatest) / 2);
    if (fits(middle)) least = middle;
    else greatest = middle - 1;
  }
  return least;
}

/** The beginning of a text whose JSON takes at most so many bytes. */
export function truncateToBytes(text: string, bytes: number): string {
  const fits = (candidate: string) => jsonBytes(candidate) <= bytes;
  if (fits(text)) return text;
  const length = largestFitting(Math.min(text.length, bytes), (count) => fits(`${text.slice(0, count)}…`));
  return `${text.slice(0, length)}…`;
}
