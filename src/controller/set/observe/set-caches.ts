import { labels } from '../../../api/names.ts';
import type { Connection } from '../../../kube/connection.ts';
import { ListWatch } from '../../../kube/list-watch.ts';
import { paths } from '../../../kube/paths.ts';
import { withoutTrailingSlashes } from '../../../policy/allowed-addresses.ts';
import type { Logger } from '../../../support/log.ts';
import type { ObservedWatches } from '../../metrics/kube-metrics.ts';
import { isTerminal, type CachedRun } from '../../observe/observed.ts';
import { type CachedSet, type PlannerPod, type PlannerJob, setUidOf } from './observed-set.ts';
import { parsePlannerJob, parsePlannerPod, parseSet, withoutLargeSetSpec } from './parse-set.ts';

export type SetCachesOptions = {
  readonly connection: Connection;
  readonly log: Logger;
  readonly observers: ObservedWatches['observers'];
  /** The run that the cache of runs has at `<namespace>/<name>`. */
  readonly runAt: (key: string) => CachedRun | undefined;
  /** Called with the `<namespace>/<name>` of a set when it, its planner or one of its chunks has changed. */
  readonly onSet: (key: string) => void;
  /** Called with each pod of a planner that was added, updated or deleted. */
  readonly onPlannerPod: (pod: PlannerPod) => void;
};

/** The caches of sets and their planners, and which of the cached runs are chunks of which set. */
export class SetCaches {
  readonly sets: ListWatch<CachedSet>;
  readonly jobs: ListWatch<PlannerJob>;
  readonly pods: ListWatch<PlannerPod>;
  readonly #options: SetCachesOptions;
  /** The `<namespace>/<name>` of each set, by its uid. */
  readonly #keys = new Map<string, string>();
  /** The `<namespace>/<name>` of the chunks, by the `<namespace>/<uid>` of their set. */
  readonly #chunks = new Map<string, Set<string>>();

  constructor(options: SetCachesOptions) {
    this.#options = options;
    const { connection, log, observers } = options;
    const ofPlanners = { connection, log, labelSelector: labels.setUid };
    this.sets = new ListWatch({
      ...{ connection, log, path: paths.sets(), observer: observers.dockerrunsets },
      parse: (object) => withoutLargeSetSpec(parseSet(object)),
      onChange: (set) => this.#setChanged(set),
    });
    this.jobs = new ListWatch({
      ...{ ...ofPlanners, path: paths.jobs(), observer: observers.plannerjobs },
      parse: parsePlannerJob,
      onChange: ({ namespace, setUid }) => this.#wake(namespace, setUid),
    });
    this.pods = new ListWatch({
      ...{ ...ofPlanners, path: paths.pods(), observer: observers.plannerpods },
      parse: parsePlannerPod,
      onChange: (pod) => {
        options.onPlannerPod(pod);
        this.#wake(pod.namespace, pod.setUid);
      },
    });
  }

  get all(): readonly ListWatch<unknown>[] {
    return [this.sets, this.jobs, this.pods] as unknown as readonly ListWatch<unknown>[];
  }

  get synced(): boolean {
    return this.sets.synced && this.jobs.synced && this.pods.synced;
  }

  /** The `<namespace>/<name>` of the set with a uid, if it is in that namespace. */
  keyOf(namespace: string, setUid: string | undefined): string | undefined {
    const key = setUid === undefined ? undefined : this.#keys.get(setUid);
    return key?.startsWith(`${namespace}/`) === true ? key : undefined;
  }

  /** Must be called with each run that was added, updated or deleted, after the cache has changed. */
  runChanged({ metadata }: Pick<CachedRun, 'metadata'>): void {
    const { namespace, name } = metadata;
    const setUid = setUidOf(metadata);
    if (setUid === undefined) return;
    const [key, set] = [`${namespace}/${name}`, `${namespace}/${setUid}`];
    const known = this.#options.runAt(key);
    const keys = this.#chunks.get(set) ?? new Set();
    if (known !== undefined && setUidOf(known.metadata) === setUid) this.#chunks.set(set, keys.add(key));
    else if (keys.delete(key) && keys.size === 0) this.#chunks.delete(set);
    this.#wake(namespace, setUid);
  }

  /** The chunks of a set, in any order. */
  chunksOf({ namespace, uid }: { namespace: string; uid: string }): CachedRun[] {
    const keys = this.#chunks.get(`${namespace}/${uid}`) ?? new Set<string>();
    return [...keys].flatMap((key) => {
      const run = this.#options.runAt(key);
      if (run !== undefined && setUidOf(run.metadata) === uid) return [run];
      // Somebody has changed its label.
      keys.delete(key);
      return [];
    });
  }

  /** How many chunks of the sets with this Girder have not ended, but for those of one set. */
  liveOnGirder(apiUrl: string, exceptUid?: string): number {
    const address = withoutTrailingSlashes(apiUrl);
    const others = this.sets
      .values()
      .filter(
        (set) => set.metadata.uid !== exceptUid && withoutTrailingSlashes(set.apiUrl ?? '') === address,
      );
    const chunks = others.flatMap(({ metadata }) => this.chunksOf(metadata));
    return chunks.filter(({ status }) => !isTerminal(status)).length;
  }

  #setChanged({ metadata: { namespace, name, uid } }: CachedSet): void {
    const key = `${namespace}/${name}`;
    if (this.sets.get(key)?.metadata.uid === uid) this.#keys.set(uid, key);
    else this.#keys.delete(uid);
    this.#options.onSet(key);
  }

  #wake(namespace: string, setUid: string): void {
    const key = this.keyOf(namespace, setUid);
    if (key !== undefined) this.#options.onSet(key);
  }
}
