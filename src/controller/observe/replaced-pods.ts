import { specDefaults } from '../../api/spec.ts';
import { type CachedRun, isCancelled, isTerminal, type ObservedJob, type ObservedPod } from './observed.ts';

type Owners = { readonly run: CachedRun | undefined; readonly job: ObservedJob | undefined };

/**
 * Whether the Job replaces a pod whose worker is stopped now. The controller stops a run for good, or for now, by its
 * Job alone, so a Job that is as it should be means a disruption: of a pod that is not being deleted, by the kubelet.
 */
export function willBeReplaced(pod: ObservedPod, { run, job }: Owners): boolean {
  if (run === undefined || mustStop(run)) return false;
  return job?.uid === pod.jobUid && isActive(job) && mayHaveAnother(pod, run);
}

/** The spec of a large run is not in the cache; its Job shows the same a little later. */
function mustStop(run: CachedRun): boolean {
  if (run.metadata.deletionTimestamp !== undefined || isTerminal(run.status)) return true;
  return run.specIsLarge !== true && (isCancelled(run) || run.spec?.suspend === true);
}

function isActive(job: ObservedJob | undefined): boolean {
  if (job === undefined || job.finished !== undefined) return false;
  return job.deletionTimestamp === undefined && job.suspendedBy === undefined;
}

function mayHaveAnother(
  { deletionTimestamp, disruption, failuresBefore }: ObservedPod,
  run: CachedRun,
): boolean {
  const { backoffLimit = 0, disruptionLimit = specDefaults.disruptionLimit } = run.spec ?? {};
  const isDeletedByHand = deletionTimestamp !== undefined && disruption === undefined;
  return isDeletedByHand ? failuresBefore < backoffLimit : (run.status.disruptions ?? 0) < disruptionLimit;
}
