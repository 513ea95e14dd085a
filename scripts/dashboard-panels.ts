/** A graph of the dashboard: a title, what its numbers are, and the series of it, each a query and a legend. */
export type Panel = {
  readonly title: string;
  readonly unit: 'short' | 's' | 'Bps' | 'reqps' | 'ops' | 'bytes' | 'percentunit';
  readonly series: readonly { readonly query: string; readonly legend: string }[];
};

/** Graphs that stand together under a title. */
export type Row = { readonly title: string; readonly panels: readonly Panel[] };

/** Every query reads the controllers that the dashboard's variable names, and none of another operator. */
const of = 'job=~"$job"';
const rate = '[$__rate_interval]';

const panel = (title: string, unit: Panel['unit'], ...series: [query: string, legend: string][]): Panel => ({
  title,
  unit,
  series: series.map(([query, legend]) => ({ query, legend })),
});

const quantile = (share: number, histogram: string, by: string) =>
  `histogram_quantile(${share}, sum by (le${by === '' ? '' : `, ${by}`}) (rate(${histogram}_bucket{${of}}${rate})))`;

/** What the dashboard shows, top to bottom. */
export const dashboardRows: readonly Row[] = [
  {
    title: 'Runs',
    panels: [
      panel('Runs by phase', 'short', [`max by (phase) (dockerrun_runs{${of}})`, '{{phase}}']),
      panel('Ended runs', 'ops', [
        `sum by (outcome) (rate(dockerrun_runs_finished_total{${of}}${rate}))`,
        '{{outcome}}',
      ]),
      panel('Why runs did not succeed, last hour', 'short', [
        `sum by (reason) (increase(dockerrun_runs_finished_total{${of}, outcome!="Succeeded"}[1h])) > 0`,
        '{{reason}}',
      ]),
      panel('The run that has been in its phase longest', 's', [
        `max by (phase) (dockerrun_runs_longest_in_phase_seconds{${of}})`,
        '{{phase}}',
      ]),
      panel(
        'Where the time goes (median)',
        's',
        [quantile(0.5, 'dockerrun_run_phase_duration_seconds', 'phase'), '{{phase}}'],
        [quantile(0.5, 'dockerrun_run_duration_seconds', ''), 'the whole run'],
      ),
      panel('Data between Girder and targets', 'Bps', [
        `sum by (direction) (rate(dockerrun_bytes_total{${of}}${rate}))`,
        '{{direction}}',
      ]),
    ],
  },
  {
    title: 'Controller',
    panels: [
      panel(
        'Reconciles',
        'ops',
        [`sum by (result) (rate(controller_runtime_reconcile_total{${of}}${rate}))`, '{{result}}'],
        [`sum(rate(controller_runtime_reconcile_panics_total{${of}}${rate}))`, 'defects'],
      ),
      panel(
        'Duration of reconciles',
        's',
        [quantile(0.5, 'controller_runtime_reconcile_time_seconds', ''), 'median'],
        [quantile(0.99, 'controller_runtime_reconcile_time_seconds', ''), '99 %'],
      ),
      panel(
        'Queue',
        'short',
        [`sum(workqueue_depth{${of}})`, 'waiting'],
        [`sum(controller_runtime_active_workers{${of}})`, 'being reconciled'],
        [`max(controller_runtime_max_concurrent_reconciles{${of}})`, 'at most'],
      ),
      panel(
        'Time in the queue',
        's',
        [quantile(0.99, 'workqueue_queue_duration_seconds', ''), '99 %'],
        [`max(workqueue_longest_running_processor_seconds{${of}})`, 'longest reconcile now'],
      ),
      panel('Leader', 'short', [`max by (pod, instance) (leader_election_master_status{${of}})`, '{{pod}}']),
      panel(
        'Writes of status, pods started',
        'ops',
        [`sum(rate(dockerrun_status_writes_total{${of}}${rate}))`, 'status writes'],
        [`sum(rate(dockerrun_attempts_total{${of}}${rate}))`, 'pods started'],
      ),
    ],
  },
  {
    title: 'API server',
    panels: [
      panel('Requests', 'reqps', [
        `sum by (code, method) (rate(rest_client_requests_total{${of}}${rate}))`,
        '{{method}} {{code}}',
      ]),
      panel('Time to an answer (99 %)', 's', [
        quantile(0.99, 'rest_client_request_duration_seconds', 'verb'),
        '{{verb}}',
      ]),
      panel(
        'Watches',
        's',
        [`max by (resource) (dockerrun_watch_last_event_age_seconds{${of}})`, '{{resource}}: silent for'],
        [`min by (resource) (dockerrun_watch_connected{${of}})`, '{{resource}}: open'],
      ),
      panel(
        'Watches opened again, lists',
        'short',
        [
          `sum by (resource, reason) (increase(dockerrun_watch_reconnects_total{${of}}[10m]))`,
          '{{resource}}: {{reason}}',
        ],
        [`sum by (resource) (increase(dockerrun_watch_relists_total{${of}}[10m]))`, '{{resource}}: listed'],
      ),
    ],
  },
  {
    title: 'Process',
    panels: [
      panel('Memory', 'bytes', [`process_resident_memory_bytes{${of}}`, '{{pod}}']),
      panel('CPU', 'percentunit', [`rate(process_cpu_seconds_total{${of}}${rate})`, '{{pod}}']),
      panel('Lag of the event loop (99 %)', 's', [`nodejs_eventloop_lag_p99_seconds{${of}}`, '{{pod}}']),
      panel('Version', 'short', [
        `count by (version, revision, node) (dockerrun_build_info{${of}})`,
        '{{version}} {{revision}} on Node {{node}}',
      ]),
    ],
  },
];
