import type { ListWatchObserver } from '../../kube/list-watch.ts';
import type { Vitals } from '../../runtime/liveness.ts';
import type { ControllerMetrics } from './instruments.ts';
import { type WatchedResource, watchedResources } from './metric-table.ts';

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
