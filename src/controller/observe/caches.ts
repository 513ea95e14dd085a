import { labels } from '../../api/names.ts';
import { isTerminalPhase, type Phase } from '../../api/status.ts';
import type { Connection } from '../../kube/connection.ts';
import { ListWatch } from '../../kube/list-watch.ts';
import { paths } from '../../kube/paths.ts';
import type { Logger } from '../../support/log.ts';
import type { Caches } from './gather.ts';
import type { ObservedJob, ObservedPod, ObservedRun } from './observed.ts';
import { parseJob, parsePod, parseRun } from './parse.ts';
import { PodIndex } from './pod-index.ts';
import { parsePolicy, logPolicyChange } from './policies.ts';
import type { ObservedWatches } from '../metrics/kube-metrics.ts';

export type CachesOptions = {
  connection: Connection;
  log: Logger;
  observers: ObservedWatches['observers'];
  /** Called with the `<namespace>/<name>` of a run when it, its Job or its pod has changed. */
  onRun: (key: string) => void;
  /** Called with each pod that was added, updated or deleted. */
  onPod: (pod: ObservedPod) => void;
};

/** The caches, which run in every replica, so that a new leader can start at once. */
export class ClusterCaches {
  readonly caches: Caches;
  readonly podIndex = new PodIndex((key) => this.caches.pods.get(key));
  readonly #options: CachesOptions;
  /** The `<namespace>/<name>` of each cached run, by its uid. */
  readonly #keys = new Map<string, string>();

  constructor(options: CachesOptions) {
    this.#options = options;
    const { connection, log, observers } = options;
    const shared = { connection, log };
    const ofRuns = { ...shared, labelSelector: labels.runUid };
    this.caches = {
      runs: new ListWatch({
        ...shared,
        path: paths.dockerRuns(),
        observer: observers.dockerruns,
        parse: parseRun,
        onChange: (run) => this.#runChanged(run),
      }),
      jobs: new ListWatch({
        ...ofRuns,
        path: paths.jobs(),
        observer: observers.jobs,
        parse: parseJob,
        onChange: (job) => this.#jobChanged(job),
      }),
      pods: new ListWatch({
        ...ofRuns,
        path: paths.pods(),
        observer: observers.pods,
        parse: parsePod,
        onChange: (pod) => this.#podChanged(pod),
      }),
      policies: new ListWatch({
        ...shared,
        path: paths.policies(),
        observer: observers.dockerrunpolicies,
        parse: parsePolicy,
        onChange: (policy) => logPolicyChange(log, policy),
      }),
    };
  }

  /** The `<namespace>/<name>` of the run with a uid. */
  keyOf(runUid: string | undefined): string | undefined {
    return runUid === undefined ? undefined : this.#keys.get(runUid);
  }

  #runChanged({ metadata: { namespace, name, uid } }: ObservedRun): void {
    const key = `${namespace}/${name}`;
    this.#options.onRun(key);
    if (this.caches.runs.get(key)?.metadata.uid === uid) this.#keys.set(uid, key);
    else this.#keys.delete(uid);
  }

  #jobChanged({ ownerUid }: ObservedJob): void {
    // Unless the run has succeeded, what remains to be done for it depends on its Jobs.
    if (this.#phaseOf(ownerUid) !== 'Succeeded') this.#changed(ownerUid);
  }

  #podChanged(pod: ObservedPod): void {
    this.podIndex.changed(pod);
    this.#options.onPod(pod);
    if (!isTerminalPhase(this.#phaseOf(pod.runUid))) this.#changed(pod.runUid);
  }

  #changed(runUid: string | undefined): void {
    const key = this.keyOf(runUid);
    if (key !== undefined) this.#options.onRun(key);
  }

  #phaseOf(runUid: string | undefined): Phase | undefined {
    const key = this.keyOf(runUid);
    return key === undefined ? undefined : this.caches.runs.get(key)?.status.phase;
  }
}

/** True once every cache has its first list; before that, "no Job" could mean "not listed yet". */
export function areSynced(caches: Caches): boolean {
  return Object.values(caches).every((cache) => cache.synced);
}
