import { jobName, labels } from '../api/names.ts';
import { parseReport, type Report } from '../api/report.ts';
import type { Connection } from '../kube/connection.ts';
import { isNotFound } from '../kube/kube-error.ts';
import type { ListWatch } from '../kube/list-watch.ts';
import { requestJson } from '../kube/request.ts';
import { paths } from '../kube/resources.ts';
import { parseList, textAt } from '../kube/wire.ts';
import { deadline } from '../support/abort.ts';
import { isTerminal, type Observed } from './decision.ts';
import type { Obstacle } from './waiting.ts';
import { type ObservedJob, type ObservedPod, type ObservedRun, parseJob, parsePod } from './observed.ts';

/** The caches that a decision is made from. */
export type Caches = {
  runs: ListWatch<ObservedRun>;
  jobs: ListWatch<ObservedJob>;
  pods: ListWatch<ObservedPod>;
};

export type Gatherer = { connection: Connection; caches: Caches; askWorker: AskWorker };

/** Asks the worker of a pod for its report; gives nothing when it does not answer in time. */
export type AskWorker = (podIP: string, signal: AbortSignal) => Promise<Report | undefined>;

const workerAnswerMs = 1_000;

/**
 * Collects everything that is known of a run. The caches may lag; where a lag would lead to a wrong end (a Job that
 * seems deleted, a final word that seems missing), the API server itself is asked.
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
  const pod = pods.at(-1);
  const active = job !== undefined && job.finished === undefined && !isTerminal(run.status);
  return {
    run,
    job,
    pods,
    live: active && pod !== undefined ? await liveReport(gatherer, pod, signal) : undefined,
    mountFailure: active && pod !== undefined ? await mountFailure(gatherer, pod, signal) : undefined,
    podRefusal:
      active && (pod === undefined || pod.worker.kind === 'terminated')
        ? await podRefusal(gatherer, job, signal)
        : undefined,
    jobRefusal: undefined,
  };
}

async function findJob(
  gatherer: Gatherer,
  run: ObservedRun,
  signal: AbortSignal,
): Promise<ObservedJob | undefined> {
  const { namespace } = run.metadata;
  const cached = gatherer.caches.jobs.get(`${namespace}/${jobName(run.metadata)}`);
  const name = run.status.jobName;
  if (cached !== undefined || name === undefined || isTerminal(run.status)) return cached;
  try {
    const path = `${paths.jobs(namespace)}/${name}`;
    return parseJob(await requestJson(gatherer.connection, { method: 'GET', path, signal }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function findPods(
  gatherer: Gatherer,
  run: ObservedRun,
  job: ObservedJob | undefined,
  signal: AbortSignal,
): Promise<ObservedPod[]> {
  const { namespace, uid } = run.metadata;
  if (job === undefined) return [];
  const isOfJob = (pod: ObservedPod) => pod.namespace === namespace && pod.jobUid === job.uid;
  if (job.finished === undefined || isTerminal(run.status)) {
    return gatherer.caches.pods.values().filter(isOfJob).sort(byAge);
  }
  const query = { labelSelector: `${labels.runUid}=${uid}` };
  const list = await requestJson(gatherer.connection, {
    method: 'GET',
    path: paths.pods(namespace),
    query,
    signal,
  });
  return parseList(list).items.map(parsePod).filter(isOfJob).sort(byAge);
}

function byAge(a: ObservedPod, b: ObservedPod): number {
  return a.creationTimestamp.localeCompare(b.creationTimestamp) || a.name.localeCompare(b.name);
}

async function liveReport(
  gatherer: Gatherer,
  pod: ObservedPod,
  signal: AbortSignal,
): Promise<Report | undefined> {
  if (pod.worker.kind !== 'running' || pod.podIP === undefined) return undefined;
  return gatherer.askWorker(pod.podIP, deadline(workerAnswerMs, signal));
}

/** The kubelet says that it cannot mount a volume nowhere but in an Event of the pod. */
async function mountFailure(
  gatherer: Gatherer,
  pod: ObservedPod,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  if (pod.worker.kind !== 'waiting' || pod.nodeName === undefined) return undefined;
  return lastEvent(gatherer, { object: pod, reason: 'FailedMount' }, signal);
}

/** The Job controller says that it cannot create a pod nowhere but in an Event of the Job. */
function podRefusal(
  gatherer: Gatherer,
  job: ObservedJob,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  return lastEvent(gatherer, { object: job, reason: 'FailedCreate' }, signal);
}

async function lastEvent(
  { connection }: Gatherer,
  { object, reason }: { object: ObservedPod | ObservedJob; reason: string },
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  const query = { fieldSelector: `involvedObject.uid=${object.uid},reason=${reason}` };
  const path = paths.events(object.namespace);
  const event = parseList(await requestJson(connection, { method: 'GET', path, query, signal })).items.at(-1);
  if (event === undefined) return undefined;
  const since = textAt(event, 'firstTimestamp') ?? textAt(event, 'eventTime') ?? object.creationTimestamp;
  const last = textAt(event, 'lastTimestamp') ?? since;
  return { message: textAt(event, 'message') ?? reason, since, last };
}

/** Asks a worker over its read-only endpoint; progress is best effort, so any failure is no answer. */
export function askWorkerOver(port: number): AskWorker {
  return async (podIP, signal) => {
    const host = podIP.includes(':') ? `[${podIP}]` : podIP;
    try {
      const response = await fetch(`http://${host}:${port}/`, { signal, redirect: 'error' });
      return parseReport(await readText(response));
    } catch {
      return undefined;
    }
  };
}

/** A report of some hundred results; what is longer is not from a worker. */
const longestReport = 256 * 1024;

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > longestReport) throw new RangeError('the answer is too long for a report');
  }
  return text + decoder.decode();
}
