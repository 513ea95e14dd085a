import type { MetricTable } from '../runtime/metrics.ts';

const kinds = ['container', 'image'] as const;

/** The metrics of the node agent; docs/metrics.md is generated from these rows. */
export const agentMetricTable = {
  dockerrun_node_engine_up: {
    type: 'gauge',
    help: 'Whether the Docker Engine of the node answers (1) or not (0).',
    labels: {},
  },
  dockerrun_node_engine_ready: {
    type: 'gauge',
    help: 'Whether targets can run on the node: its engine answers, and its disk is not full.',
    labels: {},
  },
  dockerrun_node_disk_bytes: {
    type: 'gauge',
    help: 'The size of the file system of the Docker Engine.',
    labels: {},
  },
  dockerrun_node_disk_free_bytes: {
    type: 'gauge',
    help: 'The free space in the file system of the Docker Engine.',
    labels: {},
  },
  dockerrun_node_removed_total: {
    type: 'counter',
    help: 'Containers of runs and unused images that the agent removed.',
    labels: { kind: kinds },
  },
  dockerrun_node_removed_bytes_total: {
    type: 'counter',
    help: 'The size of the removed images, of which other images may share a part.',
    labels: {},
  },
  dockerrun_node_collect_failures_total: {
    type: 'counter',
    help: 'Passes of the collector that the Docker Engine did not let end.',
    labels: {},
  },
} as const satisfies MetricTable;
