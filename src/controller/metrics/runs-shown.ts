import { type DockerRunStatus, type Phase, phases } from '../../api/status.ts';
import type { ControllerMetrics } from './instruments.ts';
import { livePhases } from './metric-table.ts';

/** What a scrape reads of a run. */
export type ShownRun = {
  readonly metadata: { readonly creationTimestamp: string };
  readonly status: DockerRunStatus;
};

/** How many runs a phase has, and since when the one that is there longest has been there at most. */
export type Shown = { count: number; since: string | undefined };

/** Shows how many runs are in which phase, counted at a scrape: 10 000 of them take some milliseconds. */
export function showRuns(metrics: ControllerMetrics, runs: () => readonly ShownRun[]): void {
  metrics.onScrape(() => {
    const shown = byPhase(runs());
    for (const [phase, { count }] of shown) metrics.set('dockerrun_runs', { phase }, count);
    for (const phase of livePhases) {
      const seconds = ageSeconds(shown.get(phase)?.since, Date.now());
      metrics.set('dockerrun_runs_longest_in_phase_seconds', { phase }, seconds);
    }
  });
}

/** Counts runs by phase, all phases included; a run without a status is Pending. */
export function byPhase(runs: readonly ShownRun[]): Map<Phase, Shown> {
  const shown = new Map<Phase, Shown>(phases.map((phase) => [phase, { count: 0, since: undefined }]));
  for (const run of runs) {
    const of = shown.get(run.status.phase ?? 'Pending');
    if (of === undefined) continue;
    of.count += 1;
    const since = lastChange(run);
    // All times are UTC in the same form, so that they compare as text.
    if (of.since === undefined || since < of.since) of.since = since;
  }
  return shown;
}

/** A status does not say when its phase began; but nothing of these has happened since. */
function lastChange({ metadata, status }: ShownRun): string {
  const attempt = status.attemptHistory?.at(-1);
  const conditions = (status.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime);
  const times = [metadata.creationTimestamp, attempt?.startTime, attempt?.completionTime, ...conditions];
  return times.reduce<string>((last, time) => (time !== undefined && time > last ? time : last), '');
}

function ageSeconds(since: string | undefined, now: number): number {
  return since === undefined ? 0 : Math.max(0, (now - Date.parse(since)) / 1000);
}
