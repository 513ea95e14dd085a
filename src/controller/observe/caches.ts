import { isDeepStrictEqual } from 'node:util';
import { labels } from '../../api/names.ts';
import { isTerminalPhase, type Phase } from '../../api/status.ts';
import type { Connection } from '../../kube/connection.ts';
import { ListWatch } from '../../kube/list-watch.ts';
import { parseObjectMeta } from '../../kube/json.ts';
import { paths } from '../../kube/paths.ts';
import type { Logger } from '../../support/log.ts';
import type { Caches } from './gather.ts';
import type { CachedRun, ObservedJob, ObservedPod } from './observed.ts';
import { parseJob, parsePod, parseRun, withoutLargeSpec } from './parse.ts';
import { PodIndex, WaitingSince } from './pod-index.ts';
import { parsePolicy, logPolicyChange } from './policies.ts';
import type { ObservedWatches } from '../metrics/kube-metrics.ts';

export type CachesOptions = {
  connection: Connection;
  log: Logger;
  observers: ObservedWatches['observers'];
  /** Called with the `<namespace>/<name>` of a run when it, its Job or its pod has changed. */
  onRun: (key: string) => void;
  /** Called with the namespace of a Job that was deleted. */
  onJobDeleted: (namespace: string) => void;
  /** Called with each pod that was added, updated or deleted. */
  onPod: (pod: ObservedPod) => void;
  /** Called with each run that was added, updated or deleted: it may be a chunk of a set. */
  onRunObject?: (run: CachedRun) => void;
};

/** The caches, which run in every replica, so that a new leader can start at once. */
export class ClusterCaches {
  readonly caches: Caches;
  readonly podIndex = new PodIndex((key) => this.caches.pods.get(key));
  readonly waitingSince = new WaitingSince();
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
        parse: (object) => this.#withKnownSpec(withoutLargeSpec(parseRun(object))),
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

  /** Keeps the spec of the generation that is known, so that its verdict holds, and nothing is kept twice. */
  #withKnownSpec(run: CachedRun): CachedRun {
    const { metadata } = run;
    const known = this.caches.runs.get(`${metadata.namespace}/${metadata.name}`);
    if (run.spec === undefined || known?.spec === undefined) return run;
    const isSame = known.metadata.uid === metadata.uid && known.metadata.generation === metadata.generation;
    // A restored etcd may have another spec at the same generation.
    return isSame && isDeepStrictEqual(known.spec, run.spec) ? { ...run, spec: known.spec } : run;
  }

  /** Wakes the set of a run whose status the controller has written: the watch shows nothing new of it. */
  runWritten({ namespace, name }: CachedRun['metadata']): void {
    const run = this.caches.runs.get(`${namespace}/${name}`);
    if (run !== undefined) this.#options.onRunObject?.(run);
  }

  /** Stores a run that the controller has created, before the watch delivers it. */
  absorbRun(stored: unknown): void {
    this.caches.runs.absorbCreated(stored);
    const { key } = parseObjectMeta(stored);
    const run = this.caches.runs.get(key);
    if (run !== undefined) this.#runChanged(run);
  }

  #runChanged(run: CachedRun): void {
    const { namespace, name, uid } = run.metadata;
    const key = `${namespace}/${name}`;
    this.#options.onRunObject?.(run);
    this.#options.onRun(key);
    if (this.caches.runs.get(key)?.metadata.uid === uid) this.#keys.set(uid, key);
    else this.#keys.delete(uid);
  }

  #jobChanged({ namespace, name, uid, ownerUid }: ObservedJob): void {
    if (this.caches.jobs.get(`${namespace}/${name}`)?.uid !== uid) this.#options.onJobDeleted(namespace);
    const key = this.#keyIn(namespace, ownerUid);
    // Unless the run has succeeded, what remains to be done for it depends on its Jobs.
    if (key !== undefined && this.#phaseAt(key) !== 'Succeeded') this.#options.onRun(key);
  }

  #podChanged(pod: ObservedPod): void {
    this.podIndex.changed(pod);
    const cached = this.caches.pods.get(`${pod.namespace}/${pod.name}`);
    this.waitingSince.changed(pod, { exists: cached?.uid === pod.uid }, this.#options.connection.clock.now());
    this.#options.onPod(pod);
    const key = this.#keyIn(pod.namespace, pod.runUid);
    if (key !== undefined && !isTerminalPhase(this.#phaseAt(key))) this.#options.onRun(key);
  }

  /** The key of a run, unless it is in another namespace: an object there may name it, but is not its own. */
  #keyIn(namespace: string, runUid: string | undefined): string | undefined {
    const key = this.keyOf(runUid);
    return key?.startsWith(`${namespace}/`) === true ? key : undefined;
  }

  #phaseAt(key: string): Phase | undefined {
    return this.caches.runs.get(key)?.status.phase;
  }
}

/** True once every cache has its first list; before that, "no Job" could mean "not listed yet". */
export function areSynced(caches: Caches): boolean {
  return Object.values(caches).every((cache) => cache.synced);
}
