import { jobName, labels, cleanupJobName } from '../../api/names.ts';
import type { Connection } from '../../kube/connection.ts';
import { ConflictError, isNotFound } from '../../kube/kube-error.ts';
import type { ListWatch } from '../../kube/list-watch.ts';
import { requestJson } from '../../kube/request.ts';
import { paths } from '../../kube/paths.ts';
import { parseList, recordAt, textAt } from '../../kube/json.ts';
import type { BlockingEvents } from './blocking-events.ts';
import type { PodIndex } from './pod-index.ts';
import {
  isTerminal,
  type Observed,
  type ObservedJob,
  type ObservedPod,
  type ObservedRun,
} from './observed.ts';
import { parseJob, parsePod } from './parse.ts';
import type { ObservedPolicy } from './policies.ts';
import type { WorkerPoller } from './worker-reports.ts';

/** The caches that a decision is made from. */
export type Caches = {
  runs: ListWatch<ObservedRun>;
  jobs: ListWatch<ObservedJob>;
  pods: ListWatch<ObservedPod>;
  policies: ListWatch<ObservedPolicy>;
};

/** Where what was observed comes from. */
export type Gatherer = {
  connection: Connection;
  caches: Caches;
  podIndex: PodIndex;
  blockingEvents: BlockingEvents;
  workers: Pick<WorkerPoller, 'reportOf'>;
};

/**
 * Collects everything that is known of a run. The caches may lag; where a lag would lead to a wrong end (a Job that
 * seems deleted, a termination message that seems missing), the API server itself is asked.
 */
export async function gather(
  gatherer: Gatherer,
  key: string,
  signal: AbortSignal,
): Promise<Observed | undefined> {
  const run = gatherer.caches.runs.get(key);
  if (run === undefined) return undefined;
  const job = await findJob(gatherer, run, signal);
  const pods = await findPods(gatherer, run, job, signal);
  const isActive = job !== undefined && job.finished === undefined && !isTerminal(run.status);
  const more = isActive ? await ask(gatherer, job, pods.at(-1), signal) : nothingMore;
  const cleanupJob = await findCleanupJob(gatherer, run, signal);
  return { run, job, pods, ...more, jobRefusal: undefined, cleanupJob, cleanupRefusal: undefined };
}

/** What is in no cache: it is asked for as long as a Job runs, and as far as it matters then. */
type Asked = Pick<Observed, 'live' | 'mountFailure' | 'podRefusal' | 'namespaceEnds'>;

const nothingMore: Asked = {
  live: undefined,
  mountFailure: undefined,
  podRefusal: undefined,
  namespaceEnds: false,
};

async function ask(
  gatherer: Gatherer,
  job: ObservedJob,
  pod: ObservedPod | undefined,
  signal: AbortSignal,
): Promise<Asked> {
  const { blockingEvents, workers } = gatherer;
  if (pod === undefined) return { ...nothingMore, podRefusal: await blockingEvents.ofJob(job, signal) };
  const isBetween = pod.worker.kind === 'terminated' && pod.worker.report?.phase !== 'Succeeded';
  return {
    live: pod.worker.kind === 'running' ? workers.reportOf(pod.uid) : undefined,
    mountFailure: await blockingEvents.ofMount(pod, signal),
    podRefusal: isBetween ? await blockingEvents.ofJob(job, signal) : undefined,
    namespaceEnds:
      pod.deletionTimestamp !== undefined && (await isBeingDeleted(gatherer, pod.namespace, signal)),
  };
}

async function isBeingDeleted(
  { connection }: Gatherer,
  namespace: string,
  signal: AbortSignal,
): Promise<boolean> {
  const path = paths.namespace(namespace);
  const found = await requestJson(connection, { method: 'GET', path, signal });
  return textAt(recordAt(found, 'metadata'), 'deletionTimestamp') !== undefined;
}

async function findJob(
  gatherer: Gatherer,
  run: ObservedRun,
  signal: AbortSignal,
): Promise<ObservedJob | undefined> {
  const { namespace } = run.metadata;
  const cached = gatherer.caches.jobs.get(`${namespace}/${jobName(run.metadata)}`);
  if (cached !== undefined && mayBeGivenUp(run, cached)) return latestJob(gatherer, cached, signal);
  const name = run.status.jobName;
  if (cached !== undefined || name === undefined || isTerminal(run.status)) return cached;
  return getJob(gatherer, { namespace, name }, signal);
}

/**
 * True for a Job of a queue that was to be deleted for a suspension, which is over by now. An old version of it says
 * that the run goes on with it, and its end would be taken for somebody else's doing.
 */
function mayBeGivenUp({ spec, status }: ObservedRun, { isQueued, deletionTimestamp }: ObservedJob): boolean {
  const isOver = status.reason === 'Suspending' && spec?.suspend !== true;
  return isOver && isQueued && deletionTimestamp === undefined;
}

/** The Job as it is. @throws {ConflictError} it is gone, which the cache has yet to hear. */
async function latestJob(
  gatherer: Gatherer,
  { namespace, name, uid }: ObservedJob,
  signal: AbortSignal,
): Promise<ObservedJob> {
  const latest = await getJob(gatherer, { namespace, name }, signal);
  if (latest?.uid === uid) return latest;
  throw new ConflictError(`the cache does not know yet that the Job ${namespace}/${name} is gone`);
}

async function getJob(
  { connection }: Gatherer,
  { namespace, name }: { namespace: string; name: string },
  signal: AbortSignal,
): Promise<ObservedJob | undefined> {
  const path = `${paths.jobs(namespace)}/${name}`;
  try {
    return parseJob(await requestJson(connection, { method: 'GET', path, signal }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function findCleanupJob(
  gatherer: Gatherer,
  { metadata, status, spec }: ObservedRun,
  signal: AbortSignal,
): Promise<ObservedJob | undefined> {
  const { namespace } = metadata;
  const name = cleanupJobName(metadata);
  const cached = gatherer.caches.jobs.get(`${namespace}/${name}`);
  // A run that deletes itself must not take a Job along that was made a moment ago.
  const mayBeNew = status.phase === 'Failed' || status.phase === 'Cancelled';
  const mustAsk = mayBeNew && spec?.ttlSecondsAfterFinished !== undefined;
  const job = cached ?? (mustAsk ? await getJob(gatherer, { namespace, name }, signal) : undefined);
  return job?.ownerUid === metadata.uid ? job : undefined;
}

async function findPods(
  gatherer: Gatherer,
  run: ObservedRun,
  job: ObservedJob | undefined,
  signal: AbortSignal,
): Promise<ObservedPod[]> {
  const { namespace, uid } = run.metadata;
  if (job === undefined) return lastPod(gatherer, run);
  if (job.finished === undefined || isTerminal(run.status)) {
    return gatherer.podIndex.of(job.uid).sort(byAge);
  }
  const query = { labelSelector: `${labels.runUid}=${uid}` };
  const list = await requestJson(gatherer.connection, {
    method: 'GET',
    path: paths.pods(namespace),
    query,
    signal,
  });
  const isOfJob = ({ jobUid }: ObservedPod) => jobUid === job.uid;
  const pods = parseList(list).items.map(parsePod).filter(isOfJob);
  return [...pods, ...goneBefore(gatherer, job, pods)].sort(byAge);
}

/** What is known of pods that somebody deleted and that their Job let go when they had ended: their last words. */
function goneBefore(
  { podIndex }: Gatherer,
  job: ObservedJob,
  present: readonly ObservedPod[],
): ObservedPod[] {
  const gone = podIndex.lastDeleted(job.uid);
  const known = gone === undefined ? podIndex.of(job.uid) : [...podIndex.of(job.uid), gone];
  return known.filter((pod) => isOver(pod) && present.every(({ uid }) => uid !== pod.uid));
}

/** A pod whose Job was deleted may still be ending. */
function lastPod({ caches }: Gatherer, { metadata, status }: ObservedRun): ObservedPod[] {
  const pod = caches.pods.get(`${metadata.namespace}/${status.podName}`);
  return pod?.runUid === metadata.uid && !isTerminal(status) ? [pod] : [];
}

const isOver = ({ worker }: ObservedPod) => worker.kind === 'terminated';

function byAge(a: ObservedPod, b: ObservedPod): number {
  const age = a.creationTimestamp.localeCompare(b.creationTimestamp);
  // Of two pods of one second, the one that has ended came first.
  return age || Number(isOver(b)) - Number(isOver(a)) || a.name.localeCompare(b.name);
}
