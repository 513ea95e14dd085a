import type { DockerRunMetadata } from '../../api/docker-run.ts';
import type { DockerRunStatus } from '../../api/status.ts';
import { Metrics } from '../../runtime/metrics.ts';
import type { Next, QueueObserver, QueueState } from '../../runtime/queue.ts';
import { revision, version } from '../../support/version.ts';
import { controllerName, metricTable } from './metric-table.ts';
import { statusDelta } from './run-history.ts';

/** The controller's metrics. */
export type ControllerMetrics = Metrics<typeof metricTable>;

const controller = { controller: controllerName } as const;
const queue = { name: controllerName, ...controller } as const;

/** Makes the controller's metrics, with what is known from the start. */
export function createMetrics(concurrency: number): ControllerMetrics {
  const metrics = new Metrics(metricTable).withProcess();
  metrics.set('dockerrun_build_info', { version, revision, node: process.version }, 1);
  metrics.set('controller_runtime_max_concurrent_reconciles', controller, concurrency);
  return metrics;
}

/** Counts what the queue does. */
export function observeQueue(metrics: ControllerMetrics): QueueObserver {
  return {
    added: () => metrics.count('workqueue_adds_total', queue),
    started: (waitedMs) => metrics.observe('workqueue_queue_duration_seconds', queue, waitedMs / 1000),
    finished: (workedMs) => metrics.observe('workqueue_work_duration_seconds', queue, workedMs / 1000),
    retried: () => metrics.count('workqueue_retries_total', queue),
  };
}

/** Shows what the queue holds at the time of a scrape; a replica that does not lead has none. */
export function showQueue(metrics: ControllerMetrics, queued: () => QueueState | undefined): void {
  metrics.onScrape(() => {
    const { depth, activeAgesMs } = queued() ?? { depth: 0, activeAgesMs: [] };
    const ages = activeAgesMs.map((age) => age / 1000);
    metrics.set('workqueue_depth', queue, depth);
    metrics.set('controller_runtime_active_workers', controller, ages.length);
    metrics.set(
      'workqueue_unfinished_work_seconds',
      queue,
      ages.reduce((sum, age) => sum + age, 0),
    );
    metrics.set('workqueue_longest_running_processor_seconds', queue, Math.max(0, ...ages));
  });
}

const results = { done: 'success', requeueAfter: 'requeue_after', retry: 'error' } as const;

/** Counts and times the reconciles of a function that never throws; what the end of a term cut short is no error. */
export function observeReconcile(
  metrics: ControllerMetrics,
  reconcile: (key: string) => Promise<Next>,
  signal: AbortSignal,
): (key: string) => Promise<Next> {
  return async (key) => {
    const began = performance.now();
    const next = await reconcile(key);
    if (signal.aborted) return next;
    const seconds = (performance.now() - began) / 1000;
    metrics.observe('controller_runtime_reconcile_time_seconds', controller, seconds);
    metrics.count('controller_runtime_reconcile_total', { ...controller, result: results[next.kind] });
    if (next.kind === 'retry') {
      metrics.count('controller_runtime_reconcile_errors_total', controller);
      if (isDefect(next.error)) metrics.count('controller_runtime_reconcile_panics_total', controller);
    }
    return next;
  };
}

function isDefect(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

/** Counts what a status that was just written says for the first time. */
export function observeRuns(
  metrics: ControllerMetrics,
): (metadata: DockerRunMetadata, before: DockerRunStatus, after: DockerRunStatus) => void {
  return (metadata, before, after) => {
    const { attempts, bytes, end } = statusDelta(metadata, before, after);
    metrics.count('dockerrun_status_writes_total', {});
    metrics.count('dockerrun_attempts_total', {}, attempts);
    metrics.count('dockerrun_bytes_total', { direction: 'download' }, bytes.download);
    metrics.count('dockerrun_bytes_total', { direction: 'upload' }, bytes.upload);
    if (end === undefined) return;
    const { outcome, reason, seconds } = end;
    metrics.count('dockerrun_runs_finished_total', { outcome, reason });
    if (seconds !== undefined) metrics.observe('dockerrun_run_duration_seconds', { outcome }, seconds);
    for (const { phase, seconds: its } of end.phases) {
      metrics.observe('dockerrun_run_phase_duration_seconds', { phase }, its);
    }
  };
}
