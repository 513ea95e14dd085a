import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { type DockerRunStatus, dockerRunStatus } from './status.ts';
import { cutToBytes, jsonBytes, mostThat } from './text-size.ts';

const { phase, reason, message, target, transfers, results, progress } = dockerRunStatus.properties;

/**
 * What the worker says of a run: live over its read-only HTTP endpoint, and as its final word in the pod's
 * termination message. The fields are those of the status.
 */
const report = Type.Object({
  ...{ phase, reason, message, target, transfers, results, progress },
  /** How many results there are, when there is no room for all of them. */
  resultCount: Type.Optional(Type.Integer({ minimum: 0 })),
});

/** What a worker says of its run; see `report` above. */
export type Report = Pick<
  DockerRunStatus,
  'phase' | 'reason' | 'message' | 'target' | 'transfers' | 'results' | 'progress'
> & { resultCount?: number };

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

/** What a status has room for: it is stored and watched as a whole. */
export const mostResults = 1000;
export const mostResultBytes = 256 * 1024;

/** The report with as many results as a status has room for. */
export function boundedReport(said: Report): Report {
  const { results = [] } = said;
  let bytes = 0;
  const tooMany = results.findIndex((result, index) => {
    bytes += jsonBytes(result) + 1;
    return index >= mostResults || bytes > mostResultBytes;
  });
  return tooMany === -1 ? said : withResults(said, tooMany);
}

/** The final word as it fits into a termination message: what matters least goes first. */
export function terminationMessage(final: Report): string {
  const { progress: _, ...said } = final;
  const short = shortened(said);
  const { transfers: __, ...withoutTransfers } = short;
  const few = mostThat(withoutTransfers.results?.length ?? 0, (count) =>
    fits(withResults(withoutTransfers, count)),
  );
  const candidates = [short, withoutTransfers, withResults(withoutTransfers, few)];
  const { phase, reason } = final;
  return JSON.stringify(candidates.find(fits) ?? { phase, reason });
}

/** True when a termination message says all that the final word does; what it leaves out, the worker tells itself. */
export function saysAll(text: string, { progress: _, ...said }: Report): boolean {
  return text === JSON.stringify(said);
}

function withResults(said: Report, count: number): Report {
  const all = said.results ?? [];
  if (count >= all.length) return said;
  return { ...said, results: all.slice(0, count), resultCount: said.resultCount ?? all.length };
}

function shortened(said: Report): Report {
  return said.message === undefined ? said : { ...said, message: cutToBytes(said.message, messageBytes) };
}

const fits = (candidate: Report) => jsonBytes(candidate) <= terminationMessageBytes;
