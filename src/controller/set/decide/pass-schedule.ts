import { Cron } from 'croner';
import type { DockerRunMetadata } from '../../../api/docker-run.ts';
import { wakeAnnotation } from '../../../api/names.ts';
import { secondsOf, type DockerRunSetSpec } from '../../../api/set/set-spec.ts';
import type { DockerRunSetStatus } from '../../../api/set/set-status.ts';
import { describe } from '../../../support/errors.ts';
import { retriesFailed } from './planner-job.ts';

/** When the next pass of a set starts. */

/** Milliseconds between two passes of a set without watch and schedule: short after one that has done something. */
const onceMs = { afterProgress: 5_000, otherwise: 60_000 } as const;

/** Whether a pass is due, and else in how many milliseconds; undefined when only a change of the spec starts one. */
export type Due = { readonly isDue: true } | { readonly isDue: false; readonly inMs: number | undefined };

/** Of the fields of time, the first that is none, in a sentence; undefined when all are valid. */
export function scheduleProblem({ schedule, watch }: DockerRunSetSpec): string | undefined {
  if (schedule !== undefined) {
    const cron = cronOf(schedule);
    if ('problem' in cron) return `spec.schedule: ${cron.problem}`;
  }
  for (const field of ['every', 'verifyEvery'] as const) {
    const text = watch?.[field];
    if (text !== undefined && secondsOf(text) < 1)
      return `spec.watch.${field}: "${text}" is less than one second`;
  }
  return undefined;
}

/** Pass over, or none yet. */
export function dueOf({ spec, status, metadata }: PassState, now: Date): Due {
  const { generation, creationTimestamp: created } = metadata;
  const { pass } = status;
  const hasPass = pass !== undefined && pass.number > 0;
  if (isWoken({ status, metadata }) || (hasPass && retriesFailed(spec, status))) return { isDue: true };
  const next = nextOf(spec.schedule, new Date(pass?.startTime ?? created));
  if (spec.schedule !== undefined) return next === undefined ? never : dueAt(next.getTime(), now);
  return !hasPass || pass.generation !== generation ? { isDue: true } : afterPass(spec, status, now);
}

function isWoken({ status, metadata }: Pick<PassState, 'status' | 'metadata'>): boolean {
  const wake = metadata.annotations?.[wakeAnnotation];
  return wake !== undefined && wake !== status.pass?.wake;
}

function afterPass(spec: DockerRunSetSpec, status: DockerRunSetStatus, now: Date): Due {
  const waitMs = waitAfterPass(spec, status);
  const ended = Date.parse(status.pass?.finishTime ?? '') || now.getTime();
  return waitMs === undefined ? never : dueAt(ended + waitMs, now);
}

const never: Due = { isDue: false, inMs: undefined };

/** Milliseconds from the end of a pass to the next; undefined when none follows. */
function waitAfterPass(spec: DockerRunSetSpec, status: DockerRunSetStatus): number | undefined {
  if (spec.watch !== undefined) return secondsOf(spec.watch.every) * 1000;
  if (isComplete(spec, status)) return undefined;
  return (status.ended?.succeeded ?? 0) > 0 ? onceMs.afterProgress : onceMs.otherwise;
}

type PassState = {
  readonly spec: DockerRunSetSpec;
  readonly status: DockerRunSetStatus;
  readonly metadata: Pick<DockerRunMetadata, 'generation' | 'creationTimestamp' | 'annotations'>;
};

/** True when the last pass, or a walk at its end, found nothing to do, now or later; a dry run has only to end. */
export function isComplete(
  { dryRun = false, watch, schedule }: DockerRunSetSpec,
  { pass, items }: DockerRunSetStatus,
): boolean {
  if (watch !== undefined || schedule !== undefined || pass?.finishTime === undefined) return false;
  return dryRun || pass.isLast === true || ((pass.todo ?? 0) === 0 && (items?.waiting ?? 0) === 0);
}

function dueAt(time: number, now: Date): Due {
  const inMs = time - now.getTime();
  return inMs <= 0 ? { isDue: true } : { isDue: false, inMs };
}

type Schedule = NonNullable<DockerRunSetSpec['schedule']>;

function cronOf({ cron, timeZone = 'UTC' }: Schedule): Cron | { problem: string } {
  try {
    const parsed = new Cron(cron, { timezone: timeZone, paused: true, mode: '5-part' });
    // The library looks at the time zone only when it is used.
    parsed.nextRun(new Date(0));
    return parsed;
  } catch (error) {
    return { problem: `"${cron}" in the time zone ${timeZone} is not a schedule: ${describe(error)}` };
  }
}

function nextOf(schedule: Schedule | undefined, after: Date): Date | undefined {
  if (schedule === undefined) return undefined;
  const cron = cronOf(schedule);
  return 'problem' in cron ? undefined : (cron.nextRun(after) ?? undefined);
}
