import { tmpdir } from 'node:os';
import type { ForEachItem } from '../api/for-each.ts';
import type { PlannerPlan } from '../api/set/planner-plan.ts';
import { receiptKey, sharedKey } from '../api/set/receipt.ts';
import type { Why } from '../api/set/window.ts';
import type { Logger } from '../support/log.ts';
import type { GirderClient } from '../girder/client.ts';
import type { ListedDocument } from '../girder/listed-documents.ts';
import { NameOrder } from '../girder/name-listing.ts';
import { DeferredInputs } from './deferred-inputs.ts';
import { type FoundInput, FolderWalk } from './folder-walk.ts';
import { candidateOf, ItemPlanner, offeredItem, type PlannedItem } from './item-planner.ts';
import type { LivePlan } from './live-plan.ts';
import { MirrorFolders } from './mirror.ts';
import { OrphanedResults, orphanOf } from './orphaned-results.ts';
import { findPlaces, type Places } from './places.ts';
import { type LastPass, ResultsFolder } from './results-folder.ts';

export type SurveyOptions = {
  readonly plan: PlannerPlan;
  readonly client: GirderClient;
  /** Receives the counts, the causes and the failures. */
  readonly live: LivePlan;
  /** How many inputs are returned, at most. */
  readonly limit: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
};

/** An input that has to run, with its path below the source. */
export type SurveyedInput = { readonly why: Why; readonly item: ForEachItem; readonly path: string };

type Parts = SurveyOptions & {
  readonly places: Places;
  /** `<namespace>/<name>` of the set. */
  readonly set: string;
  readonly planner: ItemPlanner;
  readonly lastPass: LastPass;
  readonly mirror: MirrorFolders;
  readonly suffix: string | undefined;
};

/**
 * Compares the source with the results as a pass does, without its effects: it creates the folder of the results and
 * those of the first inputs that have to run, which it returns, and writes nothing else. Results of inputs that have
 * moved stay where they are until a pass moves them.
 * @throws RunError
 */
export async function surveySource(options: SurveyOptions): Promise<readonly SurveyedInput[]> {
  const { plan, client, log, signal } = options;
  const { spec } = plan;
  const set = `${plan.set.namespace}/${plan.set.name}`;
  const suffix = spec.results.place === 'Input' ? `.${plan.set.name}` : undefined;
  const places = await findPlaces(client, spec, signal);
  const key = suffix === undefined ? receiptKey : sharedKey(plan.set.name);
  const folder = await ResultsFolder.look({ client, folderId: places.resultsId, set, key, log }, signal);
  const { now: startedAt, lastPass } = folder;
  const { retryFailed } = plan;
  const planner = new ItemPlanner({ client, plan, set, startedAt, lastPass, retryFailed, signal });
  const mirror = new MirrorFolders(client, places.resultsId);
  return inputsToRun({ ...options, places, set, planner, lastPass, mirror, suffix });
}

async function inputsToRun(parts: Parts): Promise<readonly SurveyedInput[]> {
  const { plan, client, live, places, mirror, suffix, planner, lastPass, signal, limit } = parts;
  const { source } = plan.spec;
  const directory = tmpdir();
  const walk = new FolderWalk({ client, source, places, suffix, order: new NameOrder(), mirror, signal });
  await using orphans = await openOrphans(parts, directory);
  await using deferred = await DeferredInputs.open({ mirror, orphans, suffix, lastPass, directory, signal });
  const first: SurveyedInput[] = [];
  const add = async (found: FoundInput, planned: PlannedItem) => {
    // What has moved is left to the pass that moves its result: a second result would stay at the old place.
    const isWanted = first.length < limit && found.hasMoved !== true;
    const toRun = await surveyed(parts, { found, planned, isWanted });
    if (toRun !== undefined) first.push(toRun);
  };
  for await (const found of walk.found()) {
    if (found.input === undefined) {
      const orphan = orphanOf(found, parts.set);
      // The input of a marked one is known to be gone.
      if (orphan?.isMarked === false) await orphans.add(orphan);
      continue;
    }
    const candidate = candidateOf(found, suffix);
    live.counts.listed += 1;
    live.cursor = candidate.path;
    const planned = await planner.plan(candidate);
    if (!(await deferred.keeps(found, planned))) await add(found, planned);
  }
  if (deferred.count > 0) await orphans.resolve(0);
  for await (const found of deferred.found())
    await add(found, await planner.plan(candidateOf(found, suffix)));
  return first;
}

/** As in a dry run: nothing is moved, marked or deleted. */
function openOrphans({ plan, client, places, mirror, suffix, set, signal }: Parts, directory: string) {
  const { each } = plan.spec.source;
  const onNews = async () => undefined;
  const place = { each, places, mirror, suffix, set };
  return OrphanedResults.open({
    ...{ client, ...place, whenGone: 'Keep', isDryRun: true, directory, onNews, signal },
  });
}

type Seen = { readonly found: FoundInput; readonly planned: PlannedItem; readonly isWanted: boolean };

/** Counts the input, and returns it if it has to run and is wanted. */
async function surveyed(
  { live, mirror, places, suffix, signal, plan }: Parts,
  { found, planned, isWanted }: Seen,
): Promise<SurveyedInput | undefined> {
  const { input, names } = found;
  const candidate = candidateOf(found, suffix);
  const { decision } = planned;
  if (decision.state === 'look') throw new TypeError('the files of an input have not been looked at');
  if (decision.state === 'failed') live.failures.add({ ...decision, itemId: input._id, name: input.name });
  if (decision.state !== 'run') {
    live.counts[decision.state] += 1;
    return undefined;
  }
  const { why } = decision;
  live.counted(why);
  if (!isWanted) return undefined;
  const folderId = await folderFor(input);
  return { why, item: offeredItem(candidate, { ...planned, ...decision }, folderId), path: candidate.path };

  async function folderFor({ parentId = places.sourceId }: ListedDocument): Promise<string> {
    if (suffix !== undefined) return parentId;
    // A dry run creates no folders; no chunk gets its inputs.
    return plan.spec.dryRun === true ? places.resultsId : mirror.ensure(names, signal);
  }
}
