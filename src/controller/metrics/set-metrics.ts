import { type DockerRunSetStatus, setPhases } from '../../api/set/set-status.ts';
import type { ControllerMetrics } from './instruments.ts';
import { itemStates } from './metric-table.ts';

export type ShownSet = {
  readonly metadata: { readonly uid: string };
  readonly status: DockerRunSetStatus;
};

/** The phases in which a pass makes progress. */
const active: ReadonlySet<string> = new Set(['Listing', 'Canary', 'Processing']);

/** Shows all sets at each scrape; no label has the name of one, so the number of series is fixed. */
export function showSets(
  metrics: ControllerMetrics,
  sets: () => readonly ShownSet[],
  now: () => number = () => performance.now(),
): void {
  const progress = new Progress();
  metrics.onScrape(() => {
    const shown = sets();
    for (const phase of setPhases) {
      const count = shown.filter(({ status }) => (status.phase ?? 'Pending') === phase).length;
      metrics.set('dockerrun_sets', { phase }, count);
    }
    for (const state of itemStates) {
      const sum = shown.reduce((total, { status }) => total + (status.items?.[state] ?? 0), 0);
      metrics.set('dockerrun_set_items', { state }, sum);
    }
    metrics.set('dockerrun_sets_stalled', {}, shown.filter(isStalled).length);
    const longestMs = progress.longestMs(shown, now());
    metrics.set('dockerrun_sets_longest_without_progress_seconds', {}, longestMs / 1000);
  });
}

function isStalled({ status: { conditions = [], phase } }: ShownSet): boolean {
  return (
    phase !== 'Cancelled' && conditions.some(({ type, status }) => type === 'Stalled' && status === 'True')
  );
}

/** Since when the numbers of each active set are what they are. */
class Progress {
  /** By the uid of the set; times are milliseconds of `now`. */
  readonly #seen = new Map<string, { readonly numbers: string; readonly since: number }>();

  longestMs(sets: readonly ShownSet[], now: number): number {
    const shown = sets.filter(({ status }) => active.has(status.phase ?? ''));
    const present = new Set(shown.map(({ metadata }) => metadata.uid));
    for (const uid of this.#seen.keys()) if (!present.has(uid)) this.#seen.delete(uid);
    const ages = shown.map(({ metadata: { uid }, status }) => {
      const { seen, done, failed } = status.items ?? {};
      const numbers = JSON.stringify([status.pass?.number, status.pass?.plannerUID, seen, done, failed]);
      const known = this.#seen.get(uid);
      const since = known?.numbers === numbers ? known.since : now;
      this.#seen.set(uid, { numbers, since });
      return now - since;
    });
    return Math.max(0, ...ages);
  }
}

/** Counts the passes that end, and the planners that fail, in a status that was just written. */
export function observeSets(
  metrics: ControllerMetrics,
): (before: DockerRunSetStatus, after: DockerRunSetStatus) => void {
  return ({ pass: before }, { pass: after }) => {
    metrics.count('dockerrun_status_writes_total', {});
    const isEnd = after?.finishTime !== undefined && before?.finishTime !== after.finishTime;
    if (isEnd) metrics.count('dockerrun_set_passes_total', { result: 'ended' });
    const isSame = before?.number === after?.number;
    const failures = (after?.problems ?? 0) - (isSame ? (before?.problems ?? 0) : 0);
    if (failures > 0) metrics.count('dockerrun_set_passes_total', { result: 'failed' }, failures);
  };
}
