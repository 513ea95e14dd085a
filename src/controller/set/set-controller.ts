import type { Connection } from '../../kube/connection.ts';
import type { DockerRunSetStatus } from '../../api/set/set-status.ts';
import type { Policy } from '../../policy/policy.ts';
import { KeyedQueue } from '../../runtime/queue.ts';
import type { Logger } from '../../support/log.ts';
import type { WorkerConfig } from '../job/worker-config.ts';
import type { PlannerPod } from './observe/observed-set.ts';
import { askPlanner, PlannerPoller } from './observe/planner-poller.ts';
import type { SetCaches } from './observe/set-caches.ts';
import { createSetReconcile } from './reconcile-set.ts';

/** Sets at once. Those that share a bound of the policy for their Girder decide in turn. */
const concurrency = 4;

/** The least time between two reconciles of one set; changes of its chunks meanwhile share one. */
const spacingMs = 500;

/** As those of runs: reconciles have `drainMs` to finish, then `abortMs` after they are aborted. */
const drainMs = 3_000;
const abortMs = 1_500;

export type SetControllerOptions = {
  readonly connection: Connection;
  readonly caches: SetCaches;
  readonly worker: WorkerConfig;
  readonly policy: (namespace: string) => Policy;
  readonly log: Logger;
  readonly absorbRun: (stored: unknown) => void;
  readonly onWritten?: (before: DockerRunSetStatus, after: DockerRunSetStatus) => void;
  /** Aborts when the term is over and nothing may be written any more. */
  readonly signal: AbortSignal;
};

/** The queue of sets, their reconciles and the questions to their planners in one term. */
export class SetController {
  readonly #queue: KeyedQueue;
  readonly #planners: PlannerPoller;
  readonly #abort = new AbortController();
  #active = 0;

  constructor(options: SetControllerOptions) {
    const { caches } = options;
    const signal = AbortSignal.any([options.signal, this.#abort.signal]);
    const planners = new PlannerPoller({
      ask: askPlanner,
      podAt: (key) => caches.pods.get(key),
      onChange: ({ namespace, setUid }) => {
        const key = caches.keyOf(namespace, setUid);
        if (key !== undefined) this.#queue.add(key);
      },
    });
    this.#planners = planners;
    const reconcile = createSetReconcile({
      ...{ ...options, planners, signal },
      wake: (key) => this.#queue.add(key),
    });
    this.#queue = new KeyedQueue({
      handle: async (key) => {
        this.#active += 1;
        return reconcile(key).finally(() => (this.#active -= 1));
      },
      ...{ concurrency, spacingMs },
      backoff: { firstMs: 200, maxMs: 60_000 },
    });
    for (const pod of caches.pods.values()) planners.podChanged(pod);
    for (const { metadata } of caches.sets.values()) this.add(`${metadata.namespace}/${metadata.name}`);
  }

  /** Reconciles the set `<namespace>/<name>` soon. */
  add(key: string): void {
    this.#queue.add(key);
  }

  /** Starts to ask the planner of a pod, if it runs. */
  plannerPodChanged(pod: PlannerPod): void {
    this.#planners.podChanged(pod);
  }

  /** Accepts no more keys and waits until the running reconciles have finished, as that of runs does. */
  async stop(): Promise<void> {
    await Promise.all([this.#planners.stop(), this.#queue.stop(drainMs)]);
    this.#abort.abort(new Error('the controller has stopped'));
    await this.#queue.stop(abortMs);
    if (this.#active > 0) throw new Error(`${this.#active} reconciles of sets did not end`);
  }
}
