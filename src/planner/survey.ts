import type { ForEachItem } from '../api/for-each.ts';
import type { PlannerPlan } from '../api/set/planner-plan.ts';
import { receiptKey } from '../api/set/receipt.ts';
import type { Why } from '../api/set/window.ts';
import type { Logger } from '../support/log.ts';
import type { GirderClient } from '../girder/client.ts';
import type { ListedDocument } from '../girder/listed-documents.ts';
import { NameOrder } from '../girder/name-listing.ts';
import { FolderWalk } from './folder-walk.ts';
import { type Candidate, ItemPlanner, offeredItem } from './item-planner.ts';
import type { LivePlan } from './live-plan.ts';
import { MirrorFolders } from './mirror.ts';
import { findPlaces, type Places } from './places.ts';
import { ResultsFolder, sharedKey } from './results-folder.ts';

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
  readonly planner: ItemPlanner;
  readonly mirror: MirrorFolders;
  readonly suffix: string | undefined;
};

/**
 * Compares the source with the results as a pass does, without its effects: it creates the folder of the results and
 * those of the first inputs that have to run, which it returns, and writes nothing else. Results of inputs that have
 * moved are not looked for, so these count as new.
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
  return inputsToRun({ ...options, places, planner, mirror, suffix });
}

async function inputsToRun(parts: Parts): Promise<readonly SurveyedInput[]> {
  const { plan, client, places, mirror, suffix, signal, limit } = parts;
  const { source } = plan.spec;
  const order = new NameOrder();
  const walk = new FolderWalk({ client, source, places, suffix, order, mirror, signal });
  const first: SurveyedInput[] = [];
  for await (const { input, result, names } of walk.found()) {
    if (input === undefined) continue;
    const isWanted = first.length < limit;
    const found = await surveyed(parts, { input, result, names, isWanted });
    if (found !== undefined) first.push(found);
  }
  return first;
}

type Seen = {
  readonly input: ListedDocument;
  readonly result: ListedDocument | undefined;
  readonly names: readonly string[];
  readonly isWanted: boolean;
};

/** Counts the input, and returns it if it has to run and is wanted. */
async function surveyed(
  { live, planner, mirror, places, suffix, signal, plan }: Parts,
  { input, result, names, isWanted }: Seen,
): Promise<SurveyedInput | undefined> {
  const path = [...names, input.name].join('/');
  const resultName = `${input.name}${suffix ?? ''}`;
  const candidate: Candidate = { input, result, resultName, path, isNamesake: false };
  const planned = await planner.plan(candidate);
  const { decision } = planned;
  live.counts.listed += 1;
  live.cursor = path;
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
  return { why, item: offeredItem(candidate, { ...planned, ...decision }, folderId), path };

  async function folderFor({ parentId = places.sourceId }: ListedDocument): Promise<string> {
    if (suffix !== undefined) return parentId;
    // A dry run creates no folders; no chunk gets its inputs.
    return plan.spec.dryRun === true ? places.resultsId : mirror.ensure(names, signal);
  }
}
