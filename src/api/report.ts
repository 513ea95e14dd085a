import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { boundsProblem, defined, isRecord, parseJson } from './json-values.ts';
import { type DockerRunStatus, dockerRunStatus } from './status.ts';

const { phase, reason, message, target, transfers, results, resultCount, progress, items } =
  dockerRunStatus.properties;

/**
 * The worker serves it over its read-only HTTP endpoint while it runs, and leaves it in the pod's termination
 * message at its end. The fields are those of the status.
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
  items,
});

/** What a worker reports about its run; see `report` above. */
export type Report = Pick<
  DockerRunStatus,
  'phase' | 'reason' | 'message' | 'target' | 'transfers' | 'results' | 'resultCount' | 'progress' | 'items'
>;

/**
 * The kubelet keeps 4096 bytes of a termination message
 * (https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/).
 */
export const terminationMessageBytes = 4096;

/**
 * Bytes of JSON for the results in a termination message, about 15 of them; target and message need the rest.
 */
export const maxResultBytes = 3072;

/** Bytes of JSON for the message: a control character of the target takes six. */
export const maxMessageBytes = 1536;

/**
 * A worker never sends more bytes: `maxResultBytes` of results, and the transfers, of about 170 bytes each.
 */
export const maxReportBytes = 128 * 1024;

/** A report shows no more transfers than these. */
export const maxListedTransfers = 512;

/**
 * The first line of a termination message has at most so many bytes. In a pod of n containers the kubelet keeps
 * 12288/n bytes of each (https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/status/status_manager.go),
 * so this line arrives whole when others add up to 23 containers to the worker's pod.
 */
export const essentialBytes = 512;

/**
 * Undefined when it is not a report: a pod can end without one, and another program may answer in its place.
 * A report has one line, or several that complete the first one; the kubelet may have cut off the end.
 */
export function parseReport(text: string | undefined): Report | undefined {
  const value = readReport(text);
  return value && storable(value);
}

function readReport(text: string | undefined): (Report & { podUID?: unknown }) | undefined {
  if (text === undefined || Buffer.byteLength(text) > maxReportBytes) return undefined;
  const lines = text
    .trimEnd()
    .split('\n', maxLines + 1)
    .map(parseJson);
  const last = lines.length > 1 && !isRecord(lines.at(-1)) ? -1 : undefined;
  const parts = lines.slice(0, last);
  const value: unknown = parts.every(isRecord) ? Object.assign({}, ...parts) : undefined;
  const isBounded = boundsProblem(value, { depth: maxReportDepth, bytes: maxReportBytes }) === undefined;
  return isBounded && Value.Check(report, value) ? value : undefined;
}

/** A report has 3 levels; the rest is for the fields of newer workers. */
export const maxReportDepth = 16;

/**
 * A copy as the API server stores it: without fields that its schema does not have, as of a newer worker, because a
 * status with them is refused; and without half characters, because they would differ from what is stored, at each
 * look.
 */
function storable(value: Report): Report {
  const text = JSON.stringify(Value.Clean(report, Value.Clone(value)), (_, one: unknown) =>
    typeof one === 'string' ? one.toWellFormed() : one,
  );
  return JSON.parse(text) as Report;
}

/** The header of each question to a worker, and its values: what becomes of the pod when it is told to stop. */
export const podOutlook = { header: 'dockerrun-pod', replaced: 'replaced', ends: 'ends' } as const;

/** The report of a running worker, as it serves it: with the uid of its pod. */
export function servedReport(podUid: string, report: Report): string {
  return JSON.stringify({ podUID: podUid, ...report });
}

/**
 * The report of a pod's worker; undefined when another pod answered, which has the address of the pod by now.
 */
export function parseServedReport(text: string, podUid: string): Report | undefined {
  const value = readReport(text);
  return value?.podUID === podUid ? storable(value) : undefined;
}

/** The essentials, the message, the failed inputs, the results and the transfers. */
const maxLines = 5;

/** Bytes of JSON for the message of each reason with which inputs failed: what is tried until the report fits. */
const failureMessageBytes = [512, 128, 0] as const;

/**
 * Fits the final report into a termination message: it drops the transfers first, then cuts the messages of failed
 * inputs, then its own.
 */
export function terminationMessage(final: Report): string {
  const { progress: _, ...lasting } = final;
  const short = withMessageOf(lasting, maxMessageBytes);
  const { transfers: __, ...withoutTransfers } = short;
  const shorter = failureMessageBytes.map((bytes) => withFailures(withoutTransfers, bytes));
  const shortest = shorter.at(-1) ?? withoutTransfers;
  const cut = withMessageOf(shortest, messageRoom(shortest));
  const candidates = [short, withoutTransfers, ...shorter, cut];
  const { phase, reason } = final;
  return inLines(candidates.find(fits) ?? defined({ phase, reason }));
}

/** The most important line comes first, because the kubelet cuts off the end. */
function inLines(whole: Report): string {
  const { results, transfers, items, ...others } = whole;
  const essentials = items === undefined ? others : { ...others, items: { states: items.states } };
  const { message } = essentials;
  const room = essentialBytes - jsonBytes({ ...essentials, message: '' }) + jsonBytes('');
  const first = withMessageOf(essentials, room);
  const parts = [
    first,
    ...(first.message === message ? [] : [{ message }]),
    ...(items?.failures === undefined ? [] : [{ items }]),
    ...(results === undefined ? [] : [{ results }]),
    ...(transfers === undefined ? [] : [{ transfers }]),
  ];
  return parts.map((part) => JSON.stringify(part)).join('\n');
}

/** What is left for the second line's message; the first line then has its own beginning of it. */
function messageRoom(report: Report): number {
  const longest = { ...report, message: 'x'.repeat(essentialBytes) };
  return terminationMessageBytes - Buffer.byteLength(inLines(longest)) + jsonBytes(longest.message);
}

function withMessageOf(report: Report, bytes: number): Report {
  return report.message === undefined
    ? report
    : { ...report, message: truncateToBytes(report.message, bytes) };
}

/** With no message of a failure longer than `bytes`; 0 leaves all of them out. */
function withFailures(report: Report, bytes: number): Report {
  if (report.items?.failures === undefined) return report;
  const failures = report.items.failures.map(({ message, ...failure }) =>
    message === undefined || bytes === 0 ? failure : { ...failure, message: truncateToBytes(message, bytes) },
  );
  return { ...report, items: { ...report.items, failures } };
}

const fits = (candidate: Report) => Buffer.byteLength(inLines(candidate)) <= terminationMessageBytes;

export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** The largest number from 0 to `most` that fits, or 0. `fits` must hold for all smaller numbers too. */
function largestFitting(most: number, fits: (count: number) => boolean): number {
  let [least, greatest] = [0, most];
  while (least < greatest) {
    const middle = Math.ceil((least + greatest) / 2);
    if (fits(middle)) least = middle;
    else greatest = middle - 1;
  }
  return least;
}

const isHighSurrogate = (code: number) => code >= 0xd800 && code <= 0xdbff;

/** The beginning of a text, cut so that its JSON takes at most `bytes` bytes. */
export function truncateToBytes(text: string, bytes: number): string {
  const fits = (candidate: string) => jsonBytes(candidate) <= bytes;
  if (fits(text)) return text;
  const length = largestFitting(Math.min(text.length, bytes), (count) => fits(`${text.slice(0, count)}…`));
  // Not in the middle of a character, and without the rest of a long text in memory.
  const end = isHighSurrogate(text.charCodeAt(length - 1)) ? length - 1 : length;
  return `${Buffer.from(text.slice(0, end)).toString()}…`;
}
