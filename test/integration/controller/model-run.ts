import { labels } from '../../../src/api/names.ts';
import { requestJson } from '../../../src/kube/request.ts';
import type { SimulatedPod, WorkerEnd } from '../../fixtures/simulated-kubelet.ts';
import { ScriptedRun, failed, succeeded } from '../../fixtures/scripted-run.ts';
import type { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';

/** The actions of a run's user and node, with their weights. */
const weights = {
  ...{ start: 40, succeed: 4, fail: 10, lose: 6, evict: 10 },
  ...{ suspend: 12, resume: 24, cancel: 2, 'delete it': 1, 'delete in the foreground': 1 },
} as const;
export type Happening = keyof typeof weights;

/** Each action, repeated by its weight. */
export const happenings = Object.entries(weights).flatMap(([what, often]) =>
  Array.from({ length: often }, () => what as Happening),
);

const ends: Partial<Record<Happening, WorkerEnd>> = {
  ...{ succeed: succeeded, fail: failed },
  ...{ lose: { lost: true }, evict: { evicted: true } },
};

/** A limit, because each failed pod doubles the Job controller's wait before the next one. */
const maxMishaps = 2;

/** A run, and its model: what its user wants, not what became of it. */
export class ModelRun extends ScriptedRun {
  readonly #cluster: SimulatedCluster;
  isSuspended = false;
  isCancelled = false;
  isDeleted = false;
  #mishaps = 0;

  constructor(cluster: SimulatedCluster, name: string) {
    super(cluster, name);
    this.#cluster = cluster;
  }

  /** Carries out an action; returns whether it was possible. */
  happen(what: Happening): Promise<boolean> {
    switch (what) {
      case 'start':
        return this.#startPod();
      case 'succeed':
      case 'fail':
      case 'lose':
      case 'evict':
        return this.#endPod(what);
      case 'suspend':
      case 'resume':
        return this.#suspend(what === 'suspend');
      case 'cancel':
        return this.#cancel();
      case 'delete it':
        return this.#delete('Background');
      case 'delete in the foreground':
        return this.#delete('Foreground');
    }
  }

  /** The active pod of the run's Job that is not being deleted, if any. */
  get livePod(): SimulatedPod | undefined {
    const isOurs = (pod: SimulatedPod) => pod.labels[labels.runUid] === this.uid && !pod.isBeingDeleted;
    return this.#cluster.kubelet.pods.find(
      (pod) => isOurs(pod) && (pod.phase === 'Pending' || pod.phase === 'Running'),
    );
  }

  async #startPod(): Promise<boolean> {
    const { kubelet, podIP } = this.#cluster;
    const pod = this.livePod;
    if (pod?.phase !== 'Pending' || !pod.isBound) return false;
    await kubelet.start(pod, podIP);
    return true;
  }

  async #endPod(what: Happening): Promise<boolean> {
    const pod = this.livePod;
    const how = ends[what];
    const isMishap = what !== 'succeed';
    if (pod?.phase !== 'Running' || how === undefined) return false;
    if (isMishap && this.#mishaps >= maxMishaps) return false;
    if (isMishap) this.#mishaps += 1;
    await this.#cluster.kubelet.end(pod, how);
    return true;
  }

  async #suspend(wanted: boolean): Promise<boolean> {
    if (this.isDeleted || this.hasEnded || this.isSuspended === wanted) return false;
    this.isSuspended = wanted;
    await this.patch({ suspend: wanted });
    return true;
  }

  async #cancel(): Promise<boolean> {
    if (this.isDeleted || this.isCancelled) return false;
    this.isCancelled = true;
    await this.patch({ cancel: true });
    return true;
  }

  async #delete(propagationPolicy: string): Promise<boolean> {
    if (this.isDeleted) return false;
    this.isDeleted = true;
    const signal = AbortSignal.timeout(10_000);
    const { connection } = this.#cluster.client;
    await requestJson(connection, { method: 'DELETE', path: this.path, body: { propagationPolicy }, signal });
    return true;
  }
}
