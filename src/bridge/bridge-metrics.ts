import type { MetricTable } from '../runtime/metrics.ts';

/** What became of a message; all but `requeued` end it. */
export const messageResults = [
  'created',
  'duplicate',
  'cancelled',
  'jobGone',
  'refused',
  'unreadable',
  'forwarded',
  'foreign',
  'builtIn',
  'requeued',
] as const;

export type MessageResult = (typeof messageResults)[number];

/** Why no message of a queue is taken at the moment. */
export const obstacles = [
  'starting',
  'capacity',
  'girder',
  'kubernetes',
  'namespace',
  'quota',
  'forwarding',
  'defect',
] as const;

export type Obstacle = (typeof obstacles)[number];

/** The metrics of the bridge; docs/metrics.md is generated from these rows. */
export const bridgeMetricTable = {
  dockerrun_bridge_connected: {
    type: 'gauge',
    help: 'Whether the replica is connected to RabbitMQ (1) or not (0).',
    labels: {},
  },
  dockerrun_bridge_disconnects_total: {
    type: 'counter',
    help: 'Connections to RabbitMQ that ended or could not be opened.',
    labels: {},
  },
  dockerrun_bridge_consumers: {
    type: 'gauge',
    help: 'Queues from which the replica takes messages at the moment.',
    labels: {},
  },
  dockerrun_bridge_messages_total: {
    type: 'counter',
    help: 'Messages by what became of them; a requeued one comes again.',
    labels: { result: messageResults },
  },
  dockerrun_bridge_messages_in_work: {
    type: 'gauge',
    help: 'Messages that the replica has taken and not acknowledged yet.',
    labels: {},
  },
  dockerrun_bridge_held: {
    type: 'gauge',
    help: 'Whether no message of a queue is taken (1), and why; capacity is bridge.maxRuns.',
    labels: { queue: 'a queue of bridge.queues', obstacle: obstacles },
  },
  dockerrun_bridge_unfinished_runs: {
    type: 'gauge',
    help: 'DockerRuns of the bridge that have not ended, as the replica sees them.',
    labels: {},
  },
  dockerrun_bridge_leading: {
    type: 'gauge',
    help: 'Whether the replica watches the Girder jobs of the runs (1); one of the replicas does.',
    labels: {},
  },
  dockerrun_bridge_job_requests_total: {
    type: 'counter',
    help: 'Requests about Girder jobs, without those of the workers.',
    labels: { result: ['ok', 'refused', 'failed'] },
  },
  dockerrun_bridge_unreported_runs: {
    type: 'gauge',
    help: 'DockerRuns that have ended for more than 5 minutes and whose Girder job has not.',
    labels: {},
  },
} as const satisfies MetricTable;
