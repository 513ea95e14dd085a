import type { FailureReason, ProgressReason, Reason } from '../../api/reasons.ts';
import {
  type Condition,
  type DockerRunStatus,
  isTerminalPhase,
  type Phase,
  type TerminalPhase,
} from '../../api/status.ts';

/** Where a run is or how it ended, from which every condition follows. */
export type Verdict =
  | { phase: Exclude<Phase, TerminalPhase>; reason: ProgressReason; message: string }
  | { phase: 'Succeeded'; reason: 'Succeeded'; message: string }
  | { phase: 'Failed' | 'Cancelled'; reason: FailureReason; message: string; accepted: boolean };

type Draft = { type: string; status: Condition['status']; reason: Reason; message: string };

/**
 * The conditions of a verdict. Complete and Failed are as of a Job; Reconciling and Stalled are as kstatus reads
 * them (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md): there only when true.
 * `lastTransitionTime` stays while the status of a condition stays.
 */
export function conditionsOf(
  verdict: Verdict,
  generation: number,
  previous: DockerRunStatus,
  now: string,
): Condition[] {
  return [...drafts(verdict), ...suspension(verdict, previous)].map(({ type, status, reason, message }) => {
    const before = previous.conditions?.find((condition) => condition.type === type);
    return {
      type,
      status,
      reason,
      message,
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
      observedGeneration: generation,
    };
  });
}

function drafts(verdict: Verdict): Draft[] {
  const { phase, reason, message } = verdict;
  const accepted: Draft =
    (phase === 'Failed' || phase === 'Cancelled') && !verdict.accepted
      ? { type: 'Accepted', status: 'False', reason, message }
      : { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'The run is valid and allowed.' };
  switch (phase) {
    case 'Succeeded':
      return [accepted, { type: 'Complete', status: 'True', reason, message }];
    case 'Failed':
    case 'Cancelled':
      return [
        accepted,
        { type: 'Failed', status: 'True', reason, message },
        { type: 'Stalled', status: 'True', reason, message },
      ];
    case 'Pending':
    case 'Suspended':
    case 'Preparing':
    case 'Running':
    case 'Uploading':
      return [accepted, { type: 'Reconciling', status: 'True', reason, message }];
  }
}

/**
 * Whether a run is suspended is said of those that ever were, as by a Job. While the last pod still ends it is neither,
 * which also tells since when a run goes on that was let go on before it stood still.
 */
function suspension({ phase, reason, message }: Verdict, previous: DockerRunStatus): Draft[] {
  if (phase === 'Suspended') return [{ type: 'Suspended', status: 'True', reason, message }];
  if (reason === 'Suspending') return [{ type: 'Suspended', status: 'Unknown', reason, message }];
  const was = previous.conditions?.some(({ type }) => type === 'Suspended') ?? false;
  if (!was) return [];
  const no = { type: 'Suspended', status: 'False', message: 'The run is not suspended.' } as const;
  return [{ ...no, reason: isTerminalPhase(phase) ? reason : 'Resumed' }];
}
