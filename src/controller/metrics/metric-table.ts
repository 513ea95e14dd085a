import { failureReasons, isCancellation, isFailureReason } from '../../api/reasons.ts';
import { setPhases } from '../../api/set/set-status.ts';
import { isTerminalPhase, phases, terminalPhases } from '../../api/status.ts';
import { interruptionReasons } from '../../kube/watch.ts';
import type { MetricTable } from '../../runtime/metrics.ts';

const failures = Object.keys(failureReasons).filter(isFailureReason);

/** The reasons with which a run can end, and `Unknown` for a reason that only a newer worker knows. */
export const endReasons: readonly string[] = [...failures, 'Succeeded', 'Unknown'];

/** The name of the controller and of its queue in the series of controller-runtime. */
export const controllerName = 'dockerrun';

export const livePhases = phases.filter((phase) => !isTerminalPhase(phase));

const queue = { name: [controllerName], controller: [controllerName] } as const;
const controller = { controller: [controllerName] } as const;

/** The resources that the controller caches, in plural. */
export const watchedResources = [
  'dockerruns',
  'jobs',
  'pods',
  'dockerrunpolicies',
  'dockerrunsets',
  'plannerjobs',
  'plannerpods',
] as const;
export type WatchedResource = (typeof watchedResources)[number];

/** What becomes of the inputs of sets, as in `status.items`. */
export const itemStates = ['done', 'waiting', 'running', 'failed', 'excluded', 'gone'] as const;

const host = 'the API server';

const quick = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180];
const request = [0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30];
const run = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];

/** Every outcome but success. A series that starts at 0 lets an alert see the first increase. */
const ends = failures.map((reason) => ({
  outcome: isCancellation(reason) ? 'Cancelled' : 'Failed',
  reason,
}));

/**
 * The one table of the controller's metrics: docs/metrics.md, the series that start at 0, and the tests of
 * the dashboard and the alerts use it. Names without `dockerrun_` are those of controller-runtime and
 * client-go (https://book.kubebuilder.io/reference/metrics-reference), so that dashboards for operators work
 * with them.
 */
export const metricTable = {
  workqueue_depth: {
    type: 'gauge',
    help: 'Current depth of the queue: runs that wait to be reconciled.',
    labels: queue,
  },
  workqueue_adds_total: { type: 'counter', help: 'Total number of runs added to the queue.', labels: queue },
  workqueue_queue_duration_seconds: {
    type: 'histogram',
    help: 'How long a run waits in the queue before it is reconciled.',
    labels: queue,
    buckets: quick,
  },
  workqueue_work_duration_seconds: {
    type: 'histogram',
    help: 'How long the processing of a run from the queue takes.',
    labels: queue,
    buckets: quick,
  },
  workqueue_retries_total: {
    type: 'counter',
    help: 'Total number of runs put back into the queue because their reconcile failed.',
    labels: queue,
  },
  workqueue_unfinished_work_seconds: {
    type: 'gauge',
    help: 'How long the reconciles in progress have been running, in total.',
    labels: queue,
  },
  workqueue_longest_running_processor_seconds: {
    type: 'gauge',
    help: 'How long the longest reconcile in progress has been running.',
    labels: queue,
  },
  controller_runtime_reconcile_total: {
    type: 'counter',
    help: 'Total number of reconciles, by result; requeue_after means that a later reconcile is scheduled.',
    labels: { ...controller, result: ['success', 'error', 'requeue', 'requeue_after'] },
  },
  controller_runtime_reconcile_errors_total: {
    type: 'counter',
    help: 'Total number of reconciles that failed and are retried.',
    labels: controller,
  },
  controller_runtime_reconcile_panics_total: {
    type: 'counter',
    help: 'Total number of reconciles that failed because of a defect in the controller; the run shows ControllerFailed.',
    labels: controller,
  },
  controller_runtime_reconcile_time_seconds: {
    type: 'histogram',
    help: 'How long a reconcile takes.',
    labels: controller,
    buckets: quick,
  },
  controller_runtime_active_workers: {
    type: 'gauge',
    help: 'Number of reconciles in progress.',
    labels: controller,
  },
  controller_runtime_max_concurrent_reconciles: {
    type: 'gauge',
    help: 'Maximum number of concurrent reconciles.',
    labels: controller,
  },
  leader_election_master_status: {
    type: 'gauge',
    help: '1 on the leader, 0 on the other replicas.',
    labels: { name: 'the Lease' },
  },
  rest_client_requests_total: {
    type: 'counter',
    help: 'Total number of requests to the API server, by status code.',
    labels: { code: 'the HTTP status, or `<error>` without a response', method: 'the HTTP method', host },
  },
  rest_client_request_duration_seconds: {
    type: 'histogram',
    help: 'How long the API server takes to respond; for a watch, until it starts.',
    labels: { verb: 'the HTTP method', host },
    buckets: request,
  },
  dockerrun_runs: {
    type: 'gauge',
    help: 'Number of existing DockerRuns, by phase.',
    labels: { phase: phases },
  },
  dockerrun_runs_longest_in_phase_seconds: {
    type: 'gauge',
    help: 'Longest time that a run has been in a phase, since its creation, its last pod or its last condition.',
    labels: { phase: livePhases },
  },
  dockerrun_runs_finished_total: {
    type: 'counter',
    help: 'Total number of ended runs, by phase and reason; only the replica that wrote the end counts a run.',
    labels: { outcome: terminalPhases, reason: endReasons },
    series: [{ outcome: 'Succeeded', reason: 'Succeeded' }, ...ends],
  },
  dockerrun_run_duration_seconds: {
    type: 'histogram',
    help: 'How long ended runs took, from creation to end.',
    labels: { outcome: terminalPhases },
    buckets: run,
  },
  dockerrun_run_phase_duration_seconds: {
    type: 'histogram',
    help: 'How long ended runs waited for their first pod (queue), and how long their last attempt took to stage, run and upload.',
    labels: { phase: ['queue', 'stage', 'run', 'upload'] },
    buckets: run,
  },
  dockerrun_workers_unreachable: {
    type: 'gauge',
    help: 'Number of running workers that do not answer the controller: their runs continue, but show no progress.',
    labels: {},
  },
  dockerrun_policy_invalid: {
    type: 'gauge',
    help: '1 while no run starts because the DockerRunPolicy is invalid, or is missing and required; 0 otherwise.',
    labels: {},
  },
  dockerrun_attempts_total: { type: 'counter', help: 'Total number of pods started for runs.', labels: {} },
  dockerrun_bytes_total: {
    type: 'counter',
    help: 'Total bytes transferred between Girder and targets, as reported in the status of runs.',
    labels: { direction: ['download', 'upload'] },
  },
  dockerrun_sets: {
    type: 'gauge',
    help: 'Number of existing DockerRunSets, by phase.',
    labels: { phase: setPhases },
  },
  dockerrun_sets_stalled: {
    type: 'gauge',
    help: 'Number of DockerRunSets that do not continue until a person does something: they are paused by failures, or refused.',
    labels: {},
  },
  dockerrun_sets_longest_without_progress_seconds: {
    type: 'gauge',
    help: 'Longest time in which no input of a DockerRunSet in a pass was listed or ended, since this replica first looked.',
    labels: {},
  },
  dockerrun_set_items: {
    type: 'gauge',
    help: 'Number of inputs of all DockerRunSets, by what became of them in the current pass or the last one.',
    labels: { state: itemStates },
  },
  dockerrun_set_passes_total: {
    type: 'counter',
    help: 'Total number of passes of DockerRunSets that ended, and of planners that failed.',
    labels: { result: ['ended', 'failed'] },
  },
  dockerrun_status_writes_total: {
    type: 'counter',
    help: 'Total number of status writes to the API server.',
    labels: {},
  },
  dockerrun_watch_connected: {
    type: 'gauge',
    help: '1 while the watch of a resource is open, else 0.',
    labels: { resource: watchedResources },
  },
  dockerrun_watch_last_event_age_seconds: {
    type: 'gauge',
    help: 'Time since the last event of a watch; a bookmark arrives about once a minute.',
    labels: { resource: watchedResources },
  },
  dockerrun_watch_reconnects_total: {
    type: 'counter',
    help: 'Total number of watches that ended and were reopened, by cause.',
    labels: { resource: 'a resource, as in the other metrics of watches', reason: interruptionReasons },
    series: watchedResources.flatMap((resource) =>
      interruptionReasons.map((reason) => ({ resource, reason })),
    ),
  },
  dockerrun_watch_relists_total: {
    type: 'counter',
    help: 'Total number of lists of a resource, including the first.',
    labels: { resource: watchedResources },
  },
  dockerrun_watch_defects_total: {
    type: 'counter',
    help: 'Total number of objects that the controller could not process because of a defect.',
    labels: { resource: watchedResources },
  },
  dockerrun_webhook_requests_total: {
    type: 'counter',
    help: 'Total number of requests to the admission webhook, by verdict; unavailable is one that it did not judge.',
    labels: { verdict: ['allowed', 'refused', 'malformed', 'unavailable'] },
  },
  dockerrun_webhook_certificate_expiry_timestamp_seconds: {
    type: 'gauge',
    help: 'When the certificate of the admission webhook expires, in seconds since 1970; 0 while it has none.',
    labels: {},
  },
  dockerrun_build_info: {
    type: 'gauge',
    help: 'Always 1; the labels show what is running.',
    labels: { version: 'the version of DockerRun', revision: 'the commit', node: 'the version of Node.js' },
  },
} as const satisfies MetricTable;
