import type { DockerRunSpec } from '../../api/spec.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';
import type { ObservedRun } from './observed.ts';

/**
 * What the cache keeps of a run that has ended, for which nothing is left but to delete it in its time: its results
 * alone may be 200 KiB, and a run without a time to live stays for ever.
 */
export function inShort(run: ObservedRun): ObservedRun {
  if (!isTerminalPhase(run.status.phase)) return run;
  const status = statusInShort(run.status);
  return run.spec === undefined ? { ...run, status } : { ...run, status, spec: specInShort(run.spec) };
}

function statusInShort(status: DockerRunStatus): DockerRunStatus {
  const { phase, reason, jobName, completionTime, observedGeneration } = status;
  return {
    ...(phase === undefined ? {} : { phase }),
    ...(reason === undefined ? {} : { reason }),
    ...(jobName === undefined ? {} : { jobName }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  };
}

function specInShort(spec: DockerRunSpec): DockerRunSpec {
  const { image, removeContainer, terminationGracePeriodSeconds, startDeadlineSeconds, backoffLimit } = spec;
  const { ttlSecondsAfterFinished: ttl } = spec;
  return {
    ...{ image, removeContainer, terminationGracePeriodSeconds, startDeadlineSeconds, backoffLimit },
    ...(ttl === undefined ? {} : { ttlSecondsAfterFinished: ttl }),
  };
}

/** Whether more of a run that has ended is needed than is kept: its status is to be written once more, for another spec. */
export function isToBeCarriedOver({ metadata: { generation }, status }: ObservedRun): boolean {
  const { phase, observedGeneration } = status;
  return isTerminalPhase(phase) && observedGeneration !== undefined && observedGeneration !== generation;
}
