import { progressPort } from '../api/names.ts';
import type { Connection } from '../kube/connection.ts';
import { KeyedQueue, type QueueState } from '../runtime/queue.ts';
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
import { BlockingEvents } from './observe/blocking-events.ts';
import type { ObservedPod } from './observe/observed.ts';
import { policyIn } from './observe/policies.ts';
import { createReconcile } from './reconcile.ts';

/** How many runs are reconciled at once. */
export const concurrentReconciles = 16;

/** What happens to a Job and its pod within this time is looked at together. */
const spacingMs = 250;

/** How long what is being handled may go on when the loop shall stop, and then how soon it has to end when it is aborted. */
const drainMs = 3_000;
const abortMs = 1_500;

/** What one term needs. */
export type ControllerOptions = {
  connection: Connection;
  cluster: ClusterCaches;
  worker: WorkerConfig;
  metrics: ControllerMetrics;
  log: Logger;
  /** Aborts when the loop may do nothing any more. */
  signal: AbortSignal;
};

/**
 * The work of one term. Whatever it remembers is made anew for the next one: in between another replica has worked.
 */
export class Controller {
  readonly #queue: KeyedQueue;
  readonly #workers: WorkerPoller;
  readonly #abort = new AbortController();
  #active = 0;

  constructor(options: ControllerOptions) {
    const { connection, cluster, worker, metrics, log } = options;
    const { caches, podIndex } = cluster;
    const signal = AbortSignal.any([options.signal, this.#abort.signal]);
    const workers = new WorkerPoller({
      ask: askWorkerOver(progressPort),
      podAt: (key) => caches.pods.get(key),
      onNews: (runUid) => {
        const key = cluster.keyOf(runUid);
        if (key !== undefined) this.#queue.add(key);
      },
    });
    this.#workers = workers;
    const unobserved = createReconcile({
      gatherer: {
        connection,
        caches,
        podIndex,
        blockingEvents: new BlockingEvents(connection, log),
        workers,
      },
      worker,
      policy: (namespace) => policyIn(caches.policies, namespace),
      log,
      signal,
      onWritten: observeRuns(metrics),
    });
    const reconcile = observeReconcile(metrics, unobserved, signal);
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

  /** What the queue holds now. */
  get queue(): QueueState {
    return this.#queue;
  }

  /** Looks at a run soon. */
  add(key: string): void {
    this.#queue.add(key);
  }

  /** Hears the worker of a pod from now on, if it runs. */
  podChanged(pod: ObservedPod): void {
    this.#workers.podChanged(pod);
  }

  /**
   * Takes no more keys and lets what is being handled end, first by itself and then by abort. Rejects when something
   * does not end: the process has to, then.
   */
  async stop(): Promise<void> {
    await Promise.all([this.#workers.stop(), this.#queue.stop(drainMs)]);
    this.#abort.abort(new Error('the loop has stopped'));
    await this.#queue.stop(abortMs);
    if (this.#active > 0) throw new Error(`${this.#active} reconciles did not end though they were aborted`);
  }
}
