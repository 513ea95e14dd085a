import { jobName, labels, cleanupJobName } from '../../api/names.ts';
import { timeToLiveSeconds } from '../../policy/bounds.ts';
import type { Policy } from '../../policy/policy.ts';
import type { Connection } from '../../kube/connection.ts';
import { ConflictError, isNotFound } from '../../kube/kube-error.ts';
import type { ListWatch } from '../../kube/list-watch.ts';
import { requestJson } from '../../kube/request.ts';
import { paths } from '../../kube/paths.ts';
import { parseList, parseObjectMeta, recordAt, textAt } from '../../kube/json.ts';
import type { BlockingEvents } from './blocking-events.ts';
import type { PodIndex, WaitingSince } from './pod-index.ts';
import {
  type CachedRun,
  isPodOf,
  isTerminal,
  lostElsewhere,
  type Observed,
  type ObservedJob,
  type ObservedPod,
  type ObservedRun,
} from './observed.ts';
import { parseJob, parsePod, parseRun } from './parse.ts';
import type { ObservedPolicy } from './policies.ts';
import type { WorkerPoller } from './worker-reports.ts';

export type Caches = {
  runs: ListWatch<CachedRun>;
  jobs: ListWatch<ObservedJob>;
  pods: ListWatch<ObservedPod>;
  policies: ListWatch<ObservedPolicy>;
};

/** Where observations come from. */
export type Gatherer = {
  connection: Connection;
  caches: Caches;
  podIndex: PodIndex;
  waitingSince: Pick<WaitingSince, 'of'>;
  blockingEvents: BlockingEvents;
  workers: Pick<WorkerPoller, 'reportOf'>;
  /** The policy for the runs of a namespace. */
  policy: (namespace: string) => Policy;
};

/**
 * Collects what `decide` needs of a run; undefined when the run is gone. The caches may lag, so the API
 * server is asked where a lag would end the run wrongly: a Job that seems deleted, a termination message that
 * seems missing.
 */
export async function gather(
  gatherer: Gatherer,
  key: string,
  signal: AbortSignal,
): Promise<Observed | undefined> {
  const run = await findRun(gatherer, key, signal);
  if (run === undefined) return undefined;
  const job = await findJob(gatherer, run, signal);
  const pods = await findPods(gatherer, run, job, signal);
  const isActive = job !== undefined && job.finished === undefined && !isTerminal(run.status);
  const more = isActive ? await askAboutActive(gatherer, job, pods.at(-1), signal) : nothingMore;
  const cleanupJob = await findCleanupJob(gatherer, run, signal);
  return { run, job, pods, ...more, jobRefusal: undefined, cleanupJob, cleanupRefusal: undefined };
}

async function findRun(
  gatherer: Gatherer,
  key: string,
  signal: AbortSignal,
): Promise<ObservedRun | undefined> {
  const cached = gatherer.caches.runs.get(key);
  return cached?.specIsLarge === true ? latestRun(gatherer, key, cached, signal) : cached;
}

/**
 * A run whose spec the cache does not keep, from the API server; undefined when it is gone.
 * @throws {ConflictError} the cache does not have this version of the run yet, or another run of that name.
 */
async function latestRun(
  { connection, caches }: Gatherer,
  key: string,
  { metadata: { namespace, name } }: CachedRun,
  signal: AbortSignal,
): Promise<ObservedRun | undefined> {
  try {
    const path = `${paths.dockerRuns(namespace)}/${name}`;
    const stored = await requestJson(connection, { method: 'GET', path, signal });
    if (parseObjectMeta(stored).resourceVersion === caches.runs.versionOf(key)) return parseRun(stored);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  throw new ConflictError(`the cache does not have the latest version of ${key} yet`);
}

/** What is in no cache; it is asked for only while a Job is active, and only as far as it matters then. */
type Asked = Pick<Observed, 'live' | 'waitingSince' | 'mountFailure' | 'podRefusal' | 'namespaceEnds'>;

const nothingMore: Asked = {
  live: undefined,
  waitingSince: undefined,
  mountFailure: undefined,
  podRefusal: undefined,
  namespaceEnds: false,
};

async function askAboutActive(
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
    waitingSince: gatherer.waitingSince.of(pod),
    mountFailure: await blockingEvents.ofMount(pod, signal),
    podRefusal: isBetween ? await blockingEvents.ofJob(job, signal) : undefined,
    namespaceEnds:
      pod.deletionTimestamp !== undefined && (await isBeingDeleted(gatherer, job.namespace, signal)),
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
  if (cached !== undefined && mayBeDeleted(run, cached)) return latestJob(gatherer, cached, signal);
  const name = run.status.jobName;
  if (cached !== undefined || name === undefined || isTerminal(run.status)) return cached;
  return getJob(gatherer, { namespace, name }, signal);
}

/**
 * True for a queued Job that was deleted to suspend its run, which is resumed by now. With a stale version of
 * the Job, the run would continue with it, and then end as if somebody else had deleted it.
 */
function mayBeDeleted({ spec, status }: ObservedRun, { isQueued, deletionTimestamp }: ObservedJob): boolean {
  const isResumed = status.reason === 'Suspending' && spec?.suspend !== true;
  return isResumed && isQueued && deletionTimestamp === undefined;
}

/** The Job as the API server has it. @throws {ConflictError} it is gone, but still in the cache. */
async function latestJob(
  gatherer: Gatherer,
  { namespace, name, uid }: ObservedJob,
  signal: AbortSignal,
): Promise<ObservedJob> {
  const latest = await getJob(gatherer, { namespace, name }, signal);
  if (latest?.uid === uid) return latest;
  throw new ConflictError(`Job ${namespace}/${name} is gone, but the cache does not show that yet`);
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

/** The cleanup Job of a run; of one that has ended, one that still runs, since it keeps the run from being deleted. */
async function findCleanupJob(
  gatherer: Gatherer,
  run: ObservedRun,
  signal: AbortSignal,
): Promise<ObservedJob | undefined> {
  const { metadata, status, spec } = run;
  const { namespace, uid } = metadata;
  const elsewhere = isTerminal(status) && spec !== undefined ? lostElsewhere(status) : [];
  const mustAsk = mayLag(gatherer, run, elsewhere.length > 0);
  const jobs: ObservedJob[] = [];
  for (const podUid of [undefined, ...elsewhere.map(({ podUID }) => podUID)]) {
    const name = cleanupJobName(metadata, podUid);
    const cached = gatherer.caches.jobs.get(`${namespace}/${name}`);
    const job = cached ?? (mustAsk ? await getJob(gatherer, { namespace, name }, signal) : undefined);
    if (job?.ownerUid === uid) jobs.push(job);
  }
  return jobs.find(({ finished }) => finished === undefined) ?? jobs[0];
}

/** An expired run must not be deleted together with a cleanup Job that was created a moment ago. */
function mayLag(
  { policy }: Gatherer,
  { metadata, status, spec }: ObservedRun,
  isElsewhere: boolean,
): boolean {
  const mayBeNew = status.phase === 'Failed' || status.phase === 'Cancelled' || isElsewhere;
  return mayBeNew && spec !== undefined && timeToLiveSeconds(spec, policy(metadata.namespace)) !== undefined;
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
    return gatherer.podIndex.of(job).sort(byAge);
  }
  const query = { labelSelector: `${labels.runUid}=${uid}` };
  const list = await requestJson(gatherer.connection, {
    method: 'GET',
    path: paths.pods(namespace),
    query,
    signal,
  });
  const all = parseList(list).items.map(parsePod);
  const pods = all.filter((pod) => isPodOf(pod, job));
  return [...pods, ...deletedPods(gatherer, job, pods)].sort(byAge);
}

/** Pods that had ended and were deleted since: the cache may still have their termination messages. */
function deletedPods(
  { podIndex }: Gatherer,
  job: ObservedJob,
  present: readonly ObservedPod[],
): ObservedPod[] {
  const deleted = podIndex.lastDeleted(job);
  const known = deleted === undefined ? podIndex.of(job) : [...podIndex.of(job), deleted];
  return known.filter((pod) => isTerminated(pod) && present.every(({ uid }) => uid !== pod.uid));
}

/**
 * A pod whose Job was deleted may still be ending. It may have no owner any more, so it counts only as the
 * pod that an attempt of the run is known to have.
 */
function lastPod({ caches }: Gatherer, { metadata, status }: ObservedRun): ObservedPod[] {
  const pod = caches.pods.get(`${metadata.namespace}/${status.podName}`);
  const attempts = status.attemptHistory ?? [];
  const isKnown = pod !== undefined && attempts.some(({ podUID }) => podUID === pod.uid);
  return isKnown && !isTerminal(status) ? [pod] : [];
}

const isTerminated = ({ worker }: ObservedPod) => worker.kind === 'terminated';

function byAge(a: ObservedPod, b: ObservedPod): number {
  const age = a.creationTimestamp.localeCompare(b.creationTimestamp);
  // Times are whole seconds: of two pods of the same second, the one that has ended is older.
  return age || Number(isTerminated(b)) - Number(isTerminated(a)) || a.name.localeCompare(b.name);
}
