import type { DockerRunMetadata } from '../../api/docker-run.ts';
import { type DockerRunStatus, type Phase, phases } from '../../api/status.ts';
import { isDefect } from '../../kube/kube-error.ts';
import { Metrics } from '../../runtime/metrics.ts';
import type { Next, QueueObserver, QueueState } from '../../runtime/queue.ts';
import { revision, version } from '../../support/version.ts';
import { controllerName, livePhases, metricTable } from './metric-table.ts';
import { statusDelta } from './run-metrics.ts';

export type ControllerMetrics = Metrics<typeof metricTable>;

const controller = { controller: controllerName } as const;
const queue = { name: controllerName, ...controller } as const;

/** Creates the controller's metrics and sets those that never change. */
export function createMetrics(concurrency: number): ControllerMetrics {
  const metrics = new Metrics(metricTable).withProcess();
  metrics.set('dockerrun_build_info', { version, revision, node: process.version }, 1);
  metrics.set('controller_runtime_max_concurrent_reconciles', controller, concurrency);
  return metrics;
}

export function observeQueue(metrics: ControllerMetrics): QueueObserver {
  return {
    added: () => metrics.count('workqueue_adds_total', queue),
    started: (waitedMs) => metrics.observe('workqueue_queue_duration_seconds', queue, waitedMs / 1000),
    finished: (workedMs) => metrics.observe('workqueue_work_duration_seconds', queue, workedMs / 1000),
    retried: () => metrics.count('workqueue_retries_total', queue),
  };
}

/** Shows the state of the queue at each scrape; a replica that follows has no queue. */
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

/** Counts and times calls of `reconcile`, which must not throw; aborted ones do not count. */
export function observeReconcile(
  metrics: ControllerMetrics,
  reconcile: (key: string) => Promise<Next>,
  signal: AbortSignal,
): (key: string) => Promise<Next> {
  return async (key) => {
    const startedAt = performance.now();
    const next = await reconcile(key);
    if (signal.aborted) return next;
    const seconds = (performance.now() - startedAt) / 1000;
    metrics.observe('controller_runtime_reconcile_time_seconds', controller, seconds);
    metrics.count('controller_runtime_reconcile_total', { ...controller, result: results[next.kind] });
    if (next.kind === 'retry') {
      metrics.count('controller_runtime_reconcile_errors_total', controller);
      if (isDefect(next.error)) metrics.count('controller_runtime_reconcile_panics_total', controller);
    }
    return next;
  };
}

/** Counts what is new in a status that was just written. */
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
    for (const { phase, seconds: duration } of end.phases) {
      metrics.observe('dockerrun_run_phase_duration_seconds', { phase }, duration);
    }
  };
}

/** Shows at each scrape how many workers do not answer; a replica that follows asks none. */
export function showUnreachable(metrics: ControllerMetrics, count: () => number): void {
  metrics.onScrape(() => metrics.set('dockerrun_workers_unreachable', {}, count()));
}

/** Shows at each scrape whether the policy keeps all runs from starting. */
export function showPolicy(metrics: ControllerMetrics, isInvalid: () => boolean): void {
  metrics.onScrape(() => metrics.set('dockerrun_policy_invalid', {}, Number(isInvalid())));
}

export type ShownRun = {
  readonly metadata: { readonly creationTimestamp: string };
  readonly status: DockerRunStatus;
};

/** How many runs are in a phase, and the earliest time at which one of them can have entered it. */
type Shown = { count: number; since: string | undefined };

/** Shows how many runs are in each phase, counted at each scrape: 10,000 runs take some milliseconds. */
export function showRuns(metrics: ControllerMetrics, runs: () => readonly ShownRun[], now: () => Date): void {
  metrics.onScrape(() => {
    const shown = byPhase(runs());
    for (const [phase, { count }] of shown) metrics.set('dockerrun_runs', { phase }, count);
    for (const phase of livePhases) {
      const seconds = ageSeconds(shown.get(phase)?.since, now().getTime());
      metrics.set('dockerrun_runs_longest_in_phase_seconds', { phase }, seconds);
    }
  });
}

/** Counts runs by phase, all phases included; a run without a status is Pending. */
export function byPhase(runs: readonly ShownRun[]): Map<Phase, Shown> {
  const shown = new Map<Phase, Shown>(phases.map((phase) => [phase, { count: 0, since: undefined }]));
  for (const run of runs) {
    const inPhase = shown.get(run.status.phase ?? 'Pending');
    if (inPhase === undefined) continue;
    inPhase.count += 1;
    const since = lastChange(run);
    // All times are UTC in the same format, so they compare as text.
    if (inPhase.since === undefined || since < inPhase.since) inPhase.since = since;
  }
  return shown;
}

/** A status does not show when its phase started; but all of these happened before or at that time. */
function lastChange({ metadata, status }: ShownRun): string {
  const attempt = status.attemptHistory?.at(-1);
  const conditions = (status.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime);
  const times = [metadata.creationTimestamp, attempt?.startTime, attempt?.completionTime, ...conditions];
  return times.reduce<string>((last, time) => (time !== undefined && time > last ? time : last), '');
}

function ageSeconds(since: string | undefined, now: number): number {
  return since === undefined ? 0 : Math.max(0, (now - Date.parse(since)) / 1000);
}
