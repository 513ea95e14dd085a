import { labels } from '../../api/names.ts';
import { isTerminalPhase } from '../../api/status.ts';
import type { Connection } from '../../kube/connection.ts';
import { ListWatch } from '../../kube/list-watch.ts';
import { paths } from '../../kube/resources.ts';
import type { Logger } from '../../support/log.ts';
import type { Caches } from './gather.ts';
import { type ObservedPod, parseJob, parsePod, parseRun } from './observed.ts';
import { PodsOfJobs } from './pods-of-jobs.ts';
import { parsePolicy, sayPolicy } from '../policy/cache.ts';
import type { ObservedWatches } from '../metrics/watch-instruments.ts';

/** What the caches need, and whom they tell of changes. */
export type CachesOptions = {
  connection: Connection;
  log: Logger;
  observers: ObservedWatches['observers'];
  /** Called with `<namespace>/<name>` of a run of which something changed. */
  onRun: (key: string) => void;
  /** Called with each pod that came, changed or went. */
  onPod: (pod: ObservedPod) => void;
};

/** The caches, which run in every replica, so that whoever comes to lead knows all there is. */
export function createCaches({ connection, log, observers, onRun, onPod }: CachesOptions): {
  caches: Caches;
  podsOfJobs: PodsOfJobs;
  /** The `<namespace>/<name>` of the run with a uid. */
  keyOf: (runUid: string) => string | undefined;
} {
  const keys = new Map<string, string>();
  const changed = (uid: string | undefined) => {
    const key = uid === undefined ? undefined : keys.get(uid);
    if (key !== undefined) onRun(key);
  };
  const statusOf = (uid: string | undefined) => {
    const key = uid === undefined ? undefined : keys.get(uid);
    return key === undefined ? undefined : caches.runs.get(key)?.status;
  };
  const shared = { connection, log };
  const ofRuns = { ...shared, labelSelector: labels.runUid };
  const caches: Caches = {
    runs: new ListWatch({
      ...shared,
      path: paths.dockerRuns(),
      observer: observers.dockerruns,
      parse: parseRun,
      onChange: ({ metadata: { namespace, name, uid } }) => {
        keys.set(uid, `${namespace}/${name}`);
        changed(uid);
        if (caches.runs.get(`${namespace}/${name}`)?.metadata.uid !== uid) keys.delete(uid);
      },
    }),
    jobs: new ListWatch({
      ...ofRuns,
      path: paths.jobs(),
      observer: observers.jobs,
      parse: parseJob,
      onChange: (job) => {
        // What is left to do after an end without success depends on the run's Jobs.
        if (statusOf(job.ownerUid)?.phase !== 'Succeeded') changed(job.ownerUid);
      },
    }),
    pods: new ListWatch({
      ...ofRuns,
      path: paths.pods(),
      observer: observers.pods,
      parse: parsePod,
      onChange: (pod) => {
        podsOfJobs.changed(pod);
        onPod(pod);
        if (!isTerminalPhase(statusOf(pod.runUid)?.phase)) changed(pod.runUid);
      },
    }),
    policies: new ListWatch({
      ...shared,
      path: paths.policies(),
      observer: observers.dockerrunpolicies,
      parse: parsePolicy,
      onChange: (policy) => sayPolicy(log, policy),
    }),
  };
  const podsOfJobs = new PodsOfJobs((key) => caches.pods.get(key));
  return { caches, podsOfJobs, keyOf: (runUid) => keys.get(runUid) };
}

/** True once every cache has its first list: before, "no Job" could mean "not seen yet". */
export function areSynced(caches: Caches): boolean {
  return Object.values(caches).every((cache) => cache.synced);
}
