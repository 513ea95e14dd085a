import type { RunSummary } from '../ui-messages.ts';

/** What the list of runs is limited to; '' is everything. */
export type RunFilter = {
  readonly phase: string;
  readonly namespace: string;
  readonly set: string;
  /** Part of the name, image, node or reason. */
  readonly text: string;
};

export function filterOf(entries: URLSearchParams): RunFilter {
  const entry = (name: string) => entries.get(name) ?? '';
  return { phase: entry('phase'), namespace: entry('namespace'), set: entry('set'), text: entry('text') };
}

/** The runs that pass the filter, the newest first. */
export function filtered(runs: Iterable<RunSummary>, filter: RunFilter): RunSummary[] {
  const text = filter.text.toLowerCase();
  const passes = (run: RunSummary) =>
    (filter.phase === '' || run.phase === filter.phase) &&
    (filter.namespace === '' || run.namespace === filter.namespace) &&
    (filter.set === '' || run.set === filter.set) &&
    (text === '' || `${run.name} ${run.image} ${run.node} ${run.reason}`.toLowerCase().includes(text));
  return [...runs].filter(passes).sort(newestFirst);
}

function newestFirst(one: RunSummary, other: RunSummary): number {
  if (one.created !== other.created) return one.created < other.created ? 1 : -1;
  return one.key < other.key ? -1 : 1;
}

/** The different values of a field, with how many runs have each, by name. */
export function countsOf(
  runs: Iterable<RunSummary>,
  field: 'phase' | 'namespace' | 'set',
): [string, number][] {
  const counts = new Map<string, number>();
  for (const run of runs) if (run[field] !== '') counts.set(run[field], (counts.get(run[field]) ?? 0) + 1);
  return [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
}
