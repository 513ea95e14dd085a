import { specDefaults } from '../../api/spec.ts';
import { type CachedRun, type ObservedJob, type ObservedPod, isTerminal } from './observed.ts';

/**
 * Whether the Job replaces a pod whose worker is told to stop now. The controller stops a run for good, or for now, by its
 * Job alone, so a Job that is as it should be means a disruption: of a pod that is not being deleted, by the kubelet.
 */
export function willBeReplaced(
  pod: ObservedPod,
  { run, job }: { readonly run: CachedRun | undefined; readonly job: ObservedJob | undefined },
): boolean {
  if (run === undefined || run.metadata.deletionTimestamp !== undefined || isTerminal(run.status))
    return false;
  if (run.spec?.cancel === true || run.spec?.suspend === true) return false;
  if (job === undefined || job.uid !== pod.jobUid || job.finished !== undefined) return false;
  if (job.deletionTimestamp !== undefined || job.suspendedBy !== undefined) return false;
  if (pod.deletionTimestamp !== undefined && pod.disruption === undefined)
    return pod.failuresBefore < (run.spec?.backoffLimit ?? 0);
  const { disruptionLimit = specDefaults.disruptionLimit } = run.spec ?? {};
  return (run.status.disruptions ?? 0) < disruptionLimit;
}
