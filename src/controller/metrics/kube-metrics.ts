import { type ApiCall, connect, type Connection } from '../../kube/connection.ts';
import type { ListWatchObserver } from '../../kube/list-watch.ts';
import type { Vitals } from '../../runtime/health.ts';
import type { ControllerMetrics } from './instruments.ts';
import { type WatchedResource, watchedResources } from './metric-table.ts';

/** The HTTP methods of Kubernetes' verbs that are not GET. */
const methods: Readonly<Record<string, string>> = {
  create: 'POST',
  patch: 'PATCH',
  update: 'PUT',
  delete: 'DELETE',
};

/** A connection to the configured API server whose calls are counted and timed. */
export async function connectObserved(metrics: ControllerMetrics): Promise<Connection> {
  const connection = await connect();
  return { ...connection, observe: observeCalls(metrics, connection.server.host) };
}

/** Counts and times the calls to one API server. */
function observeCalls(metrics: ControllerMetrics, host: string): (call: ApiCall) => void {
  return ({ verb, code, seconds }) => {
    const method = methods[verb] ?? 'GET';
    const answer = code === 0 ? '<error>' : String(code);
    metrics.count('rest_client_requests_total', { code: answer, method, host });
    metrics.observe('rest_client_request_duration_seconds', { verb: method, host }, seconds);
  };
}

/** Shows whether this replica leads. */
export function observeLeading(metrics: ControllerMetrics, lease: string): (leads: boolean) => void {
  const show = (leads: boolean) =>
    metrics.set('leader_election_master_status', { name: lease }, leads ? 1 : 0);
  show(false);
  return show;
}

/** What is heard of the watches of all caches. */
export type ObservedWatches = {
  readonly observers: Readonly<Record<WatchedResource, ListWatchObserver>>;
  /** When each showed a sign of life, a failure that it mends included, for liveness. */
  readonly signs: () => Vitals['watches'];
};

/** Counts what happens to the watches of the caches. */
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
  const of = { resource };
  let [heardAt, signAt] = [performance.now(), performance.now()];
  const heard = () => {
    heardAt = signAt = performance.now();
  };
  metrics.onScrape(() => {
    metrics.set('dockerrun_watch_last_event_age_seconds', of, (performance.now() - heardAt) / 1000);
  });
  const observer: ListWatchObserver = {
    listed: () => {
      metrics.count('dockerrun_watch_relists_total', of);
      heard();
    },
    watching: () => {
      metrics.set('dockerrun_watch_connected', of, 1);
      heard();
    },
    event: heard,
    interrupted: (reason) => {
      metrics.set('dockerrun_watch_connected', of, 0);
      metrics.count('dockerrun_watch_reconnects_total', { ...of, reason });
      signAt = performance.now();
    },
    failed: () => metrics.count('dockerrun_watch_defects_total', of),
  };
  return { observer, lastSignAt: () => signAt };
}
