import type { DockerRunSpec } from '../../../api/spec.ts';
import { plannerJobName } from '../../../api/names.ts';
import type { Connection } from '../../../kube/connection.ts';
import { parseObjectMeta } from '../../../kube/json.ts';
import { ConflictError, isNotFound } from '../../../kube/kube-error.ts';
import { paths } from '../../../kube/paths.ts';
import { requestJson } from '../../../kube/request.ts';
import { type CachedRun, isPodOf, type ObservedJob } from '../../observe/observed.ts';
import { parseRun } from '../../observe/parse.ts';
import { failedWhole, uncounted } from './chunk-ends.ts';
import {
  chunkOf,
  type ObservedChunk,
  type ObservedSet,
  type ObservedSetState,
  type PlannerPod,
} from './observed-set.ts';
import { parseSet } from './parse-set.ts';
import type { PlannerPoller } from './planner-poller.ts';
import type { SetCaches } from './set-caches.ts';

/** Where the observations of sets come from. */
export type SetGatherer = {
  readonly connection: Connection;
  readonly caches: SetCaches;
  readonly planners: Pick<PlannerPoller, 'reportOf' | 'ask'>;
};

/** Specs that are read of ended chunks in one reconcile; the failures of others are counted without examples. */
const maxSpecs = 10;

/** Collects what `decideSet` needs of a set; undefined when the set is gone. */
export async function gatherSet(
  gatherer: SetGatherer,
  key: string,
  signal: AbortSignal,
): Promise<ObservedSetState | undefined> {
  const set = await findSet(gatherer, key, signal);
  if (set === undefined) return undefined;
  const { metadata, spec } = set;
  const runs = gatherer.caches.chunksOf(metadata);
  const chunks = runs.map(chunkOf).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    set,
    chunks,
    planner: plannerOf(gatherer, set),
    othersOnGirder: spec === undefined ? 0 : gatherer.caches.liveOnGirder(spec.girder.apiUrl, metadata.uid),
    specs: await specsOf(gatherer, { set, chunks, runs }, signal),
    chunkRefusal: undefined,
    plannerRefusal: undefined,
  };
}

async function findSet(
  { caches, connection }: SetGatherer,
  key: string,
  signal: AbortSignal,
): Promise<ObservedSet | undefined> {
  const cached = caches.sets.get(key);
  if (cached?.specIsLarge !== true) return cached;
  const { namespace, name } = cached.metadata;
  try {
    const stored = await requestJson(connection, {
      method: 'GET',
      path: `${paths.sets(namespace)}/${name}`,
      signal,
    });
    if (parseObjectMeta(stored).resourceVersion === caches.sets.versionOf(key)) return parseSet(stored);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  throw new ConflictError(`the cache does not have the latest version of ${key} yet`);
}

function plannerOf(
  { caches, planners }: SetGatherer,
  { metadata, status }: ObservedSet,
): ObservedSetState['planner'] {
  const { namespace, uid } = metadata;
  const name = plannerJobName(metadata, status.pass?.number ?? 0);
  const found = caches.jobs.get(`${namespace}/${name}`);
  const job = found?.setUid === uid ? found : undefined;
  const pod = job && newestPod(caches, job, uid);
  return { job, pod, report: pod && planners.reportOf(pod.uid) };
}

function newestPod(caches: SetCaches, job: ObservedJob, setUid: string): PlannerPod | undefined {
  const pods = caches.pods.values().filter((pod) => pod.setUid === setUid && isPodOf(pod, job));
  const open = pods.filter(({ worker, phase }) => worker.kind !== 'terminated' && phase !== 'Failed');
  return open.toSorted((a, b) => a.creationTimestamp.localeCompare(b.creationTimestamp)).at(-1);
}

/** The specs of chunks that failed and are to be counted: for the rest of a lost worker, and for examples. */
async function specsOf(
  { connection }: SetGatherer,
  { set, chunks, runs }: { set: ObservedSet; chunks: readonly ObservedChunk[]; runs: readonly CachedRun[] },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, DockerRunSpec>> {
  const known = new Map(runs.map((run) => [run.metadata.uid, run.spec]));
  const isNeeded = (chunk: ObservedChunk) => failedWhole(chunk) || chunk.phase === 'Failed';
  const needed = uncounted({ set, chunks }).filter(isNeeded);
  // Those of lost workers first: without them, their inputs have to wait for the next pass.
  const ordered = needed.toSorted((a, b) => rank(a) - rank(b)).slice(0, maxSpecs);
  const specs = new Map<string, DockerRunSpec>();
  for (const { uid, name } of ordered) {
    const spec = known.get(uid) ?? (await readSpec(connection, set, { uid, name }, signal));
    if (spec !== undefined) specs.set(uid, spec);
  }
  return specs;
}

const rank = ({ reason }: ObservedChunk) => (reason === 'WorkerLost' ? 0 : 1);

async function readSpec(
  connection: Connection,
  { metadata: { namespace } }: ObservedSet,
  { uid, name }: { uid: string; name: string },
  signal: AbortSignal,
): Promise<DockerRunSpec | undefined> {
  try {
    const path = `${paths.dockerRuns(namespace)}/${name}`;
    const run = parseRun(await requestJson(connection, { method: 'GET', path, signal }));
    return run.metadata.uid === uid && run.isPartial !== true ? run.spec : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
