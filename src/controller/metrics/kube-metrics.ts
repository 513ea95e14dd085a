import { type ApiCall, connect, type Connection } from '../../kube/connection.ts';
import type { ListWatchObserver } from '../../kube/list-watch.ts';
import type { Vitals } from '../../runtime/health.ts';
import type { ControllerMetrics } from './instruments.ts';
import { type WatchedResource, watchedResources } from './metric-table.ts';

/** The HTTP methods of Kubernetes' verbs; those that are absent use GET. */
const methods: Readonly<Record<string, string>> = {
  create: 'POST',
  patch: 'PATCH',
  update: 'PUT',
  delete: 'DELETE',
};

/** Connects to the configured API server; calls are counted and timed. */
export async function connectObserved(metrics: ControllerMetrics): Promise<Connection> {
  const connection = await connect();
  return { ...connection, observe: observeCalls(metrics, connection.server.host) };
}

function observeCalls(metrics: ControllerMetrics, host: string): (call: ApiCall) => void {
  return ({ verb, code, seconds }) => {
    const method = methods[verb] ?? 'GET';
    // 0 is a call without a response; client-go counts it as <error>.
    const status = code === 0 ? '<error>' : String(code);
    metrics.count('rest_client_requests_total', { code: status, method, host });
    metrics.observe('rest_client_request_duration_seconds', { verb: method, host }, seconds);
  };
}

/** Returns the function to call whenever this replica starts or stops leading. */
export function observeLeading(metrics: ControllerMetrics, lease: string): (isLeading: boolean) => void {
  const show = (isLeading: boolean) =>
    metrics.set('leader_election_master_status', { name: lease }, isLeading ? 1 : 0);
  show(false);
  return show;
}

export type ObservedWatches = {
  readonly observers: Readonly<Record<WatchedResource, ListWatchObserver>>;
  /** When each watch last showed a sign of life, for liveness; an interruption is one as well. */
  readonly signs: () => Vitals['watches'];
};

export function observeWatches(metrics: ControllerMetrics): ObservedWatches {
  const watches = watchedResources.map((resource) => ({ resource, ...observeWatch(metrics, resource) }));
  const observers = Object.fromEntries(watches.map(({ resource, observer }) => [resource, observer]));
  return {
    observers: observers as Record<WatchedResource, ListWatchObserver>,
    signs: () => watches.map(({ resource, lastSignAt }) => ({ resource, lastSignAt: lastSignAt() })),
  };
}

function observeWatch(
  metrics: ControllerMetrics,
  resource: WatchedResource,
): { observer: ListWatchObserver; lastSignAt: () => number } {
  const labels = { resource };
  let [eventAt, signAt] = [performance.now(), performance.now()];
  const received = () => {
    eventAt = signAt = performance.now();
  };
  metrics.onScrape(() => {
    metrics.set('dockerrun_watch_last_event_age_seconds', labels, (performance.now() - eventAt) / 1000);
  });
  const observer: ListWatchObserver = {
    listed: () => {
      metrics.count('dockerrun_watch_relists_total', labels);
      received();
    },
    watching: () => {
      metrics.set('dockerrun_watch_connected', labels, 1);
      received();
    },
    event: received,
    interrupted: (reason) => {
      metrics.set('dockerrun_watch_connected', labels, 0);
      metrics.count('dockerrun_watch_reconnects_total', { ...labels, reason });
      signAt = performance.now();
    },
    failed: () => metrics.count('dockerrun_watch_defects_total', labels),
  };
  return { observer, lastSignAt: () => signAt };
}
