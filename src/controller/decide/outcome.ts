import type { V1Job } from '@kubernetes/client-node';
import type { Report } from '../../api/report.ts';
import type { ProgressReason } from '../../api/progress-reasons.ts';
import { type FailureReason, isCancellation } from '../../api/reasons.ts';
import type { DockerRunStatus, Phase, TerminalPhase } from '../../api/status.ts';
import type { RunError } from '../../support/errors.ts';
import type { WorkerConfig } from '../job/worker-config.ts';
import type { Observed } from '../observe/observed.ts';
import type { Policy } from '../../policy/policy.ts';
import type { RunEvent } from './run-event.ts';

/** What the administrator configured: what runs may use, and how workers run. */
export type Settings = { readonly policy: Policy; readonly worker: WorkerConfig };

/** Everything that a rule decides from. */
export type Input = Observed & Settings & { readonly now: Date };

/** One write to the API server, complete; carrying it out twice has the same effect as once. */
export type Action =
  | { kind: 'createJob'; job: V1Job }
  | { kind: 'createCleanupJob'; job: V1Job }
  /** With `waits`, the Job is deleted in the foreground: it exists until its pods are gone. */
  | { kind: 'deleteJob'; name: string; uid: string; waits?: boolean }
  | { kind: 'suspendJob' | 'resumeJob'; name: string; uid: string }
  /** Without its Job; or because it cannot start, or outlives its worker: its Job then counts a failed attempt. */
  | { kind: 'deletePod'; name: string; uid: string }
  | { kind: 'deleteRun' };

/** Where a run is or how it ended; every condition follows from it. */
export type Verdict =
  | { phase: Exclude<Phase, TerminalPhase>; reason: ProgressReason; message: string }
  | { phase: 'Succeeded'; reason: 'Succeeded'; message: string }
  | { phase: 'Failed' | 'Cancelled'; reason: FailureReason; message: string; accepted: boolean };

/** An attempt that the controller ended itself, because its pod could not start. */
export type GivenUp = { readonly podUID: string; readonly reason: FailureReason; readonly message: string };

/** What one rule found, as data; `decisionOf` derives everything else from it. */
export type Outcome = {
  /** `unchanged` keeps the status; `reobserved` only confirms it for the newest generation. */
  readonly verdict: Verdict | 'unchanged' | 'reobserved';
  /** False when the run was decided on before its spec was validated and the policy asked. */
  readonly isChecked?: boolean;
  /** The worker's report that goes into the status. */
  readonly report?: Report | undefined;
  /** When the run ended, in RFC 3339; `now` when absent. */
  readonly endedAt?: string | undefined;
  readonly actions?: readonly Action[];
  /** Why the newest attempt is over although its pod has not ended: the controller has given the pod up. */
  readonly givenUp?: GivenUp | undefined;
  /** How many attempts count against backoffLimit when the Job is made again. */
  readonly failedAttempts?: number | undefined;
  readonly requeueAfterMs?: number | undefined;
};

/** Everything that is written for a run, and when to reconcile it again. */
export type Decision = {
  readonly actions: readonly Action[];
  /** The whole status; undefined when it stays as it is. */
  readonly status: DockerRunStatus | undefined;
  /** The Event to record before the status is written; undefined when there is none. */
  readonly event: RunEvent | undefined;
  /** When to reconcile again if nothing changes before; undefined when only a change matters. */
  readonly requeueAfterMs: number | undefined;
};

/** The verdict on a run that its worker or its Job reports as successful. */
export function succeeded(report: Report | undefined): Verdict {
  const message = report?.message ?? 'The target ended with exit code 0.';
  return { phase: 'Succeeded', reason: 'Succeeded', message };
}

/** The verdict for a failure or a cancellation; without `accepted`, the run gets Accepted=False. */
export function failed(reason: FailureReason, message: string, accepted = true): Verdict {
  return { phase: isCancellation(reason) ? 'Cancelled' : 'Failed', reason, message, accepted };
}

/** Ends a run with an error that the controller found itself. */
export function fail(error: RunError, { accepted } = { accepted: true }): Outcome {
  return { verdict: failed(error.reason, error.sentence, accepted) };
}
