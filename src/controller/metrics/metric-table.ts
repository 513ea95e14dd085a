import { failureReasons, isCancellation, isFailureReason } from '../../api/reasons.ts';
import { isTerminalPhase, phases, terminalPhases } from '../../api/status.ts';
import { interruptionReasons } from '../../kube/watch.ts';
import type { MetricTable } from '../../runtime/metrics.ts';

const failures = Object.keys(failureReasons).filter(isFailureReason);

/** The words of the table of reasons that a run can end with, and one for what a newer worker may say. */
export const endReasons: readonly string[] = [...failures, 'Succeeded', 'Unknown'];

/** The name of the one controller, and of its queue, in the series that every operator has. */
export const controllerName = 'dockerrun';

/** The phases that a run leaves again. */
export const livePhases = phases.filter((phase) => !isTerminalPhase(phase));

const queue = { name: [controllerName], controller: [controllerName] } as const;
const controller = { controller: [controllerName] } as const;

/** The kinds that the controller keeps in caches, by their plurals. */
export const watchedResources = ['dockerruns', 'jobs', 'pods', 'dockerrunpolicies'] as const;
/** The plural of a kind that is cached. */
export type WatchedResource = (typeof watchedResources)[number];

const host = 'the API server';

const quick = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180];
const request = [0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30];
const run = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];

/** The ways of an end as they are known before one comes up: a series that starts at 0 lets an alert see its first step. */
const ends = failures.map((reason) => ({
  outcome: isCancellation(reason) ? 'Cancelled' : 'Failed',
  reason,
}));

/**
 * The one table of the controller's metrics. docs/metrics.md, the series that start at 0, and the tests of dashboards
 * and alerts come from it. The first three groups have the names and meanings of controller-runtime and client-go
 * (https://book.kubebuilder.io/reference/metrics-reference), so that dashboards of operators work as they are.
 */
export const metricTable = {
  workqueue_depth: { type: 'gauge', help: 'Runs that wait to be reconciled.', labels: queue },
  workqueue_adds_total: { type: 'counter', help: 'Runs that were added to the queue.', labels: queue },
  workqueue_queue_duration_seconds: {
    type: 'histogram',
    help: 'How long a run waited in the queue before it was reconciled.',
    labels: queue,
    buckets: quick,
  },
  workqueue_work_duration_seconds: {
    type: 'histogram',
    help: 'How long handling a run of the queue took.',
    labels: queue,
    buckets: quick,
  },
  workqueue_retries_total: {
    type: 'counter',
    help: 'Runs that were put back since reconciling them failed.',
    labels: queue,
  },
  workqueue_unfinished_work_seconds: {
    type: 'gauge',
    help: 'How long all runs that are being reconciled now have been so, added up.',
    labels: queue,
  },
  workqueue_longest_running_processor_seconds: {
    type: 'gauge',
    help: 'How long the run that is being reconciled longest has been so.',
    labels: queue,
  },
  controller_runtime_reconcile_total: {
    type: 'counter',
    help: 'Reconciles by how they ended; requeue_after has asked to be called again.',
    labels: { ...controller, result: ['success', 'error', 'requeue', 'requeue_after'] },
  },
  controller_runtime_reconcile_errors_total: {
    type: 'counter',
    help: 'Reconciles that failed and are tried again.',
    labels: controller,
  },
  controller_runtime_reconcile_panics_total: {
    type: 'counter',
    help: 'Reconciles that failed with an error of the program itself (TypeError and the like).',
    labels: controller,
  },
  controller_runtime_reconcile_time_seconds: {
    type: 'histogram',
    help: 'How long a reconcile took.',
    labels: controller,
    buckets: quick,
  },
  controller_runtime_active_workers: {
    type: 'gauge',
    help: 'Runs that are being reconciled now.',
    labels: controller,
  },
  controller_runtime_max_concurrent_reconciles: {
    type: 'gauge',
    help: 'How many runs can be reconciled at once.',
    labels: controller,
  },
  leader_election_master_status: {
    type: 'gauge',
    help: '1 on the replica that leads, 0 on the others.',
    labels: { name: 'the Lease' },
  },
  rest_client_requests_total: {
    type: 'counter',
    help: 'Requests to the API server by the code of their answer.',
    labels: { code: 'the HTTP status, or `<error>` when no answer came', method: 'the HTTP method', host },
  },
  rest_client_request_duration_seconds: {
    type: 'histogram',
    help: 'How long the API server took to answer; a watch counts until it begins.',
    labels: { verb: 'the HTTP method', host },
    buckets: request,
  },
  dockerrun_runs: {
    type: 'gauge',
    help: 'DockerRuns that exist, by phase.',
    labels: { phase: phases },
  },
  dockerrun_runs_longest_in_phase_seconds: {
    type: 'gauge',
    help: 'How long the run that has been in a phase longest has been there, since its creation, its last pod or its last condition.',
    labels: { phase: livePhases },
  },
  dockerrun_runs_finished_total: {
    type: 'counter',
    help: 'Runs that ended, by phase and reason; each is counted once, by the replica that wrote its end.',
    labels: { outcome: terminalPhases, reason: endReasons },
    series: [{ outcome: 'Succeeded', reason: 'Succeeded' }, ...ends],
  },
  dockerrun_run_duration_seconds: {
    type: 'histogram',
    help: 'How long ended runs took from their creation to their end.',
    labels: { outcome: terminalPhases },
    buckets: run,
  },
  dockerrun_run_phase_duration_seconds: {
    type: 'histogram',
    help: 'How long ended runs took to get a pod (queue); in their last attempt to be scheduled, pulled and staged (stage), to run the target (run), and to upload (upload).',
    labels: { phase: ['queue', 'stage', 'run', 'upload'] },
    buckets: run,
  },
  dockerrun_attempts_total: { type: 'counter', help: 'Pods that were started for runs.', labels: {} },
  dockerrun_bytes_total: {
    type: 'counter',
    help: 'Bytes that workers moved between Girder and targets, as the status of the runs says.',
    labels: { direction: ['download', 'upload'] },
  },
  dockerrun_status_writes_total: {
    type: 'counter',
    help: 'Statuses of runs that were written to the API server.',
    labels: {},
  },
  dockerrun_watch_connected: {
    type: 'gauge',
    help: '1 while the watch of a kind is open.',
    labels: { resource: watchedResources },
  },
  dockerrun_watch_last_event_age_seconds: {
    type: 'gauge',
    help: 'How long ago the watch of a kind heard something; bookmarks come about once a minute.',
    labels: { resource: watchedResources },
  },
  dockerrun_watch_reconnects_total: {
    type: 'counter',
    help: 'Watches that ended and were opened again, by what ended them.',
    labels: { resource: watchedResources, reason: interruptionReasons },
  },
  dockerrun_watch_relists_total: {
    type: 'counter',
    help: 'Lists of a whole kind, the first one included.',
    labels: { resource: watchedResources },
  },
  dockerrun_watch_defects_total: {
    type: 'counter',
    help: 'Objects that the program could not take in, by an error of its own.',
    labels: { resource: watchedResources },
  },
  dockerrun_build_info: {
    type: 'gauge',
    help: 'Always 1; its labels say what runs.',
    labels: { version: 'of DockerRun', revision: 'of its source', node: 'of Node.js' },
  },
} as const satisfies MetricTable;
