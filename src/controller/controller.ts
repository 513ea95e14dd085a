import { jobName, progressPort } from '../api/names.ts';
import type { Connection } from '../kube/connection.ts';
import { KeyedQueue, type QueueState } from '../runtime/queue.ts';
import type { Policy } from '../policy/policy.ts';
import type { Logger } from '../support/log.ts';
import { askWorkerOver, WorkerPoller } from './observe/worker-reports.ts';
import type { WorkerConfig } from './job/worker-config.ts';
import type { ClusterCaches } from './observe/caches.ts';
import {
  type ControllerMetrics,
  observeQueue,
  observeReconcile,
  observeRuns,
} from './metrics/instruments.ts';
import { QuotaGate } from './apply/quota-gate.ts';
import { BlockingEvents } from './observe/blocking-events.ts';
import type { ObservedPod } from './observe/observed.ts';
import { willBeReplaced } from './observe/replaced-pods.ts';
import { createReconcile, type Reconciler } from './reconcile.ts';

export const concurrentReconciles = 16;

/** The least time between two reconciles of one run; changes of its Job and its pod meanwhile share one. */
const spacingMs = 250;

/** When the controller stops, reconciles have `drainMs` to finish, then `abortMs` after they are aborted. */
const drainMs = 3_000;
const abortMs = 1_500;

export type ControllerOptions = {
  connection: Connection;
  cluster: ClusterCaches;
  worker: WorkerConfig;
  /** The policy for the runs of a namespace. */
  policy: (namespace: string) => Policy;
  metrics: ControllerMetrics;
  log: Logger;
  decide?: Reconciler['decide'];
  /** Aborts when the term is over and nothing may be written any more. */
  signal: AbortSignal;
};

/** The queue and its reconciles in one term; the next term starts with a new one, which remembers nothing. */
export class Controller {
  readonly #queue: KeyedQueue;
  readonly #workers: WorkerPoller;
  readonly #quotaGate = new QuotaGate((key) => this.#queue.add(key));
  readonly #abort = new AbortController();
  #active = 0;

  constructor(options: ControllerOptions) {
    const { connection, cluster, worker, policy, metrics, log } = options;
    const { caches, podIndex, waitingSince } = cluster;
    const signal = AbortSignal.any([options.signal, this.#abort.signal]);
    const workers = new WorkerPoller({
      ask: askWorkerOver(progressPort),
      podAt: (key) => caches.pods.get(key),
      willBeReplaced: (pod) => {
        const run = caches.runs.get(cluster.keyOf(pod.runUid) ?? '');
        const job = run && caches.jobs.get(`${pod.namespace}/${jobName(run.metadata)}`);
        return willBeReplaced(pod, { run, job });
      },
      onUnreachable: (key) =>
        log.info({ pod: key }, 'worker unreachable: a NetworkPolicy may forbid it, or its node is away'),
      onChange: (runUid) => {
        const key = cluster.keyOf(runUid);
        if (key !== undefined) this.#queue.add(key);
      },
    });
    this.#workers = workers;
    const observed = observeRuns(metrics);
    const unmeasured = createReconcile({
      connection,
      caches,
      podIndex,
      waitingSince,
      blockingEvents: new BlockingEvents(connection, log),
      workers,
      worker,
      quotaGate: this.#quotaGate,
      policy,
      log,
      signal,
      decide: options.decide,
      onWritten: (run, before, after) => {
        observed(run, before, after);
        cluster.runWritten(run);
      },
    });
    const reconcile = observeReconcile(metrics, unmeasured, signal);
    this.#queue = new KeyedQueue({
      handle: async (key) => {
        this.#active += 1;
        return reconcile(key).finally(() => (this.#active -= 1));
      },
      concurrency: concurrentReconciles,
      backoff: { firstMs: 200, maxMs: 60_000 },
      spacingMs,
      observer: observeQueue(metrics),
    });
    workers.start(caches.pods.values());
  }

  get queue(): QueueState {
    return this.#queue;
  }

  /** How many workers did not answer the last questions. */
  get unreachable(): number {
    return this.#workers.unreachable;
  }

  /** Reconciles the run `<namespace>/<name>` soon. */
  add(key: string): void {
    this.#queue.add(key);
  }

  /** Lets a run that waits for room in the quota of a namespace ask again soon. */
  jobDeleted(namespace: string): void {
    this.#quotaGate.jobDeleted(namespace);
  }

  /** Starts to ask the worker of a pod for its reports, if it runs. */
  podChanged(pod: ObservedPod): void {
    this.#workers.podChanged(pod);
  }

  /**
   * Accepts no more keys and waits until the running reconciles have finished; aborts them if they take too
   * long. Rejects when one does not end even then: the process has to exit.
   */
  async stop(): Promise<void> {
    this.#quotaGate.stop();
    await Promise.all([this.#workers.stop(), this.#queue.stop(drainMs)]);
    this.#abort.abort(new Error('the controller has stopped'));
    await this.#queue.stop(abortMs);
    if (this.#active > 0) throw new Error(`${this.#active} reconciles did not end after they were aborted`);
  }
}
