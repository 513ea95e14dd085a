import type { PlannerReport } from '../api/set/window.ts';
import type { FolderWalk } from './folder-walk.ts';
import { candidateOf, type ItemPlanner } from './item-planner.ts';

export type ClosingCounts = NonNullable<PlannerReport['closing']>;

type Options = {
  readonly walk: FolderWalk;
  readonly planner: ItemPlanner;
  /** What is added to the name of an input for that of its result. */
  readonly suffix: string | undefined;
  /** Called after each input. */
  readonly show: () => Promise<void>;
};

/**
 * Compares the source with the results once more, after all chunks have ended, and writes nothing. Returns the counts
 * if nothing is left to do, now or later; undefined as soon as an input is found that another pass has to look at.
 */
export async function closingWalk(options: Options): Promise<ClosingCounts | undefined> {
  const { walk, planner, suffix, show } = options;
  const counts = { listed: 0, done: 0, failed: 0, excluded: 0 };
  for await (const found of walk.found()) {
    if (found.input === undefined) continue;
    const { decision } = await planner.plan(candidateOf(found, suffix));
    const { state } = decision;
    if (state !== 'done' && state !== 'failed' && state !== 'excluded') return undefined;
    counts.listed += 1;
    counts[state] += 1;
    await show();
  }
  return counts;
}
