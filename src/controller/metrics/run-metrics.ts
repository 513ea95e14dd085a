import type { DockerRunMetadata } from '../../api/docker-run.ts';
import { type DockerRunStatus, isTerminalPhase, type TerminalPhase } from '../../api/status.ts';
import { endReasons } from './metric-table.ts';

/** What is new in a written status, compared with the one that was stored before. */
export type StatusDelta = {
  readonly attempts: number;
  readonly bytes: { readonly download: number; readonly upload: number };
  /** Only of the write that ends the run. */
  readonly end: End | undefined;
};

/** How a run ended; times are seconds. */
export type End = {
  readonly outcome: TerminalPhase;
  readonly reason: string;
  /** From creation to end. */
  readonly seconds: number | undefined;
  readonly phases: readonly { readonly phase: RunPhase; readonly seconds: number }[];
};

/** The parts of a run whose durations are metrics. */
export type RunPhase = 'queue' | 'stage' | 'run' | 'upload';

/** Compares with `before`, which the API server had, so that a restart counts nothing twice. */
export function statusDelta(
  metadata: DockerRunMetadata,
  before: DockerRunStatus,
  after: DockerRunStatus,
): StatusDelta {
  return {
    attempts: Math.max(0, (after.attempts ?? 0) - (before.attempts ?? 0)),
    bytes: { download: transferred('download', before, after), upload: transferred('upload', before, after) },
    end: isTerminalPhase(before.phase) ? undefined : endOf(metadata, after),
  };
}

/** How many bytes were transferred since; another attempt counts from 0 again. */
function transferred(
  direction: 'download' | 'upload',
  before: DockerRunStatus,
  { podName, transfers = [] }: DockerRunStatus,
): number {
  const earlier = before.podName === podName ? (before.transfers ?? []) : [];
  const known = new Map(
    earlier.filter((one) => one.direction === direction).map(({ name, bytes }) => [name, bytes]),
  );
  let sum = 0;
  for (const transfer of transfers) {
    if (transfer.direction === direction)
      sum += Math.max(0, transfer.bytes - (known.get(transfer.name) ?? 0));
  }
  return sum;
}

function endOf({ creationTimestamp }: DockerRunMetadata, after: DockerRunStatus): End | undefined {
  if (!isTerminalPhase(after.phase)) return undefined;
  const attempts = after.attemptHistory ?? [];
  const { target, startTime, completionTime } = after;
  const firstPod = attempts[0]?.startTime ?? startTime;
  const lastPod = attempts.at(-1)?.startTime ?? startTime;
  const spans: [RunPhase, string | undefined, string | undefined][] = [
    ['queue', creationTimestamp, firstPod],
    ['stage', lastPod, target?.startedAt],
    ['run', target?.startedAt, target?.finishedAt],
    ['upload', target?.finishedAt, completionTime],
  ];
  return {
    outcome: after.phase,
    reason: knownReason(after.reason),
    seconds: secondsBetween(creationTimestamp, completionTime),
    phases: spans.flatMap(([phase, from, to]) => {
      const seconds = secondsBetween(from, to);
      return seconds === undefined ? [] : [{ phase, seconds }];
    }),
  };
}

function knownReason(reason: string | undefined): string {
  return reason !== undefined && endReasons.includes(reason) ? reason : 'Unknown';
}

/** Never negative, although the clocks of nodes differ a little; undefined when a time is missing. */
function secondsBetween(from: string | undefined, to: string | undefined): number | undefined {
  const seconds = (Date.parse(to ?? '') - Date.parse(from ?? '')) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}
