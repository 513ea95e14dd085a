export type Panel = {
  readonly title: string;
  readonly unit: 'short' | 's' | 'Bps' | 'reqps' | 'ops' | 'bytes' | 'percentunit';
  readonly series: readonly { readonly query: string; readonly legend: string }[];
};

export type Row = { readonly title: string; readonly panels: readonly Panel[] };

/** Limits every query to the controllers that the dashboard variable selects. */
const of = 'job=~"$job"';
const rate = '[$__rate_interval]';

const panel = (title: string, unit: Panel['unit'], ...series: [query: string, legend: string][]): Panel => ({
  title,
  unit,
  series: series.map(([query, legend]) => ({ query, legend })),
});

const quantile = (share: number, histogram: string, by: string) =>
  `histogram_quantile(${share}, sum by (le${by === '' ? '' : `, ${by}`}) (rate(${histogram}_bucket{${of}}${rate})))`;

/** From top to bottom. */
export const dashboardRows: readonly Row[] = [
  {
    title: 'Runs',
    panels: [
      panel('Runs by phase', 'short', [`max by (phase) (dockerrun_runs{${of}})`, '{{phase}}']),
      panel('Ended runs', 'ops', [
        `sum by (outcome) (rate(dockerrun_runs_finished_total{${of}}${rate}))`,
        '{{outcome}}',
      ]),
      panel('Failed and cancelled runs by reason, last hour', 'short', [
        `sum by (reason) (increase(dockerrun_runs_finished_total{${of}, outcome!="Succeeded"}[1h])) > 0`,
        '{{reason}}',
      ]),
      panel('Longest time of a run in its phase', 's', [
        `max by (phase) (dockerrun_runs_longest_in_phase_seconds{${of}})`,
        '{{phase}}',
      ]),
      panel(
        'Duration of runs by phase (median)',
        's',
        [quantile(0.5, 'dockerrun_run_phase_duration_seconds', 'phase'), '{{phase}}'],
        [quantile(0.5, 'dockerrun_run_duration_seconds', ''), 'whole run'],
      ),
      panel('Transfers between Girder and targets', 'Bps', [
        `sum by (direction) (rate(dockerrun_bytes_total{${of}}${rate}))`,
        '{{direction}}',
      ]),
    ],
  },
  {
    title: 'Sets',
    panels: [
      panel(
        'Sets by phase',
        'short',
        [`max by (phase) (dockerrun_sets{${of}})`, '{{phase}}'],
        [`max(dockerrun_sets_stalled{${of}})`, 'stalled'],
      ),
      panel('Inputs of all sets', 'short', [`max by (state) (dockerrun_set_items{${of}})`, '{{state}}']),
      panel('Passes that ended or failed', 'ops', [
        `sum by (result) (rate(dockerrun_set_passes_total{${of}}${rate}))`,
        '{{result}}',
      ]),
      panel('Longest time without progress', 's', [
        `max(dockerrun_sets_longest_without_progress_seconds{${of}})`,
        'set',
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
        'Reconcile duration',
        's',
        [quantile(0.5, 'controller_runtime_reconcile_time_seconds', ''), 'median'],
        [quantile(0.99, 'controller_runtime_reconcile_time_seconds', ''), '99 %'],
      ),
      panel(
        'Queue',
        'short',
        [`sum(workqueue_depth{${of}})`, 'waiting'],
        [`sum(controller_runtime_active_workers{${of}})`, 'in progress'],
        [`max(controller_runtime_max_concurrent_reconciles{${of}})`, 'maximum'],
      ),
      panel(
        'Time in the queue',
        's',
        [quantile(0.99, 'workqueue_queue_duration_seconds', ''), '99 %'],
        [`max(workqueue_longest_running_processor_seconds{${of}})`, 'longest reconcile in progress'],
      ),
      panel('Leader', 'short', [`max by (pod, instance) (leader_election_master_status{${of}})`, '{{pod}}']),
      panel(
        'Status writes and pods started',
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
      panel('Request duration (99 %)', 's', [
        quantile(0.99, 'rest_client_request_duration_seconds', 'verb'),
        '{{verb}}',
      ]),
      panel(
        'Watches',
        's',
        [
          `max by (resource) (dockerrun_watch_last_event_age_seconds{${of}})`,
          '{{resource}}: time since last event',
        ],
        [`min by (resource) (dockerrun_watch_connected{${of}})`, '{{resource}}: open'],
      ),
      panel(
        'Watch reconnects and lists',
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
      panel('Event loop lag (99 %)', 's', [`nodejs_eventloop_lag_p99_seconds{${of}}`, '{{pod}}']),
      panel('Version', 'short', [
        `count by (version, revision, node) (dockerrun_build_info{${of}})`,
        '{{version}} {{revision}} on Node {{node}}',
      ]),
    ],
  },
];
