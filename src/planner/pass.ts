import { tmpdir } from 'node:os';
import type { PlannerPlan } from '../api/set/planner-plan.ts';
import { receiptKey, sharedKey } from '../api/set/receipt.ts';
import { settledWithin } from '../support/abort.ts';
import { toRunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { GirderClient } from '../girder/client.ts';
import type { ListedDocument } from '../girder/listed-documents.ts';
import { NameOrder } from '../girder/name-listing.ts';
import { type ClosingCounts, closingWalk } from './closing-walk.ts';
import type { ReportRow } from './csv.ts';
import { DeferredInputs } from './deferred-inputs.ts';
import { FolderWalk, type FoundInput, receiptIn, reportsName } from './folder-walk.ts';
import { ItemOutcomes, pollMs } from './item-outcomes.ts';
import { candidateOf, ItemPlanner } from './item-planner.ts';
import type { LivePlan } from './live-plan.ts';
import { MirrorFolders } from './mirror.ts';
import { OrphanedResults, orphanOf } from './orphaned-results.ts';
import { type AwaitedResult, PassReport } from './pass-report.ts';
import { findPlaces, type Places } from './places.ts';
import { type FolderNotice, ResultsFolder } from './results-folder.ts';

export type PassOptions = {
  readonly plan: PlannerPlan;
  readonly client: GirderClient;
  readonly live: LivePlan;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** For files without a name; the default is that of the system. */
  readonly spoolDirectory?: string;
};

/**
 * One pass over the source, to its end.
 * @throws RunError when it cannot be completed
 */
export async function runPass(options: PassOptions): Promise<void> {
  const { plan, client, live, log, signal } = options;
  const { spec, set } = plan;
  const places = await findPlaces(client, spec, signal);
  const isBeside = spec.results.place === 'Input';
  const name = `${set.namespace}/${set.name}`;
  const key = isBeside ? sharedKey(set.name) : receiptKey;
  const claim = { client, folderId: places.resultsId, set: name, key, log };
  const folder = await ResultsFolder.claim(claim, signal);
  try {
    await using pass = await Pass.open({ ...options, places, folder, name });
    await pass.run();
  } catch (error) {
    const failure = toRunError(error);
    // Another set owns the folder, so this one writes nothing there.
    if (!signal.aborted && failure.reason !== 'ResultNotOurs') {
      await folder.fail(noticeOf(live, 'Failed', failure.sentence), signal);
    }
    throw failure;
  }
}

type Opened = PassOptions & {
  readonly places: Places;
  readonly folder: ResultsFolder;
  /** `<namespace>/<name>` of the set. */
  readonly name: string;
};

type Parts = {
  readonly mirror: MirrorFolders;
  readonly planner: ItemPlanner;
  readonly orphans: OrphanedResults;
  readonly deferred: DeferredInputs;
  readonly report: PassReport;
  readonly outcomes: ItemOutcomes;
  readonly startedAt: number;
};

class Pass implements AsyncDisposable {
  readonly #options: Opened;
  readonly #parts: Parts;
  readonly #suffix: string | undefined;
  readonly #isDryRun: boolean;
  /** Results of the set whose input was not known to be gone. */
  #receipts = 0;

  private constructor(options: Opened, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#suffix = suffixOf(options.plan);
    this.#isDryRun = options.plan.spec.dryRun === true;
  }

  static async open(options: Opened): Promise<Pass> {
    const { plan, client, places, folder, live, name, signal } = options;
    const { spec } = plan;
    const { pause, retry } = folder.wishes;
    const isAsked = retry !== undefined && retry !== plan.retryInGirder;
    [live.pause, live.retry] = [pause, retry];
    const startedAt = folder.now;
    const { lastPass } = folder;
    const retryFailed = plan.retryFailed || isAsked;
    const planner = new ItemPlanner({ client, plan, set: name, startedAt, lastPass, retryFailed, signal });
    const mirror = new MirrorFolders(client, places.resultsId);
    const directory = options.spoolDirectory ?? tmpdir();
    const report = await PassReport.open(directory);
    const orphans = await OrphanedResults.open({
      client,
      each: spec.source.each,
      places,
      mirror,
      suffix: suffixOf(plan),
      set: name,
      whenGone: spec.results.whenInputIsGone,
      isDryRun: spec.dryRun === true,
      directory,
      signal,
      onNews: async ({ state, path, inputId, resultId, message }) => {
        if (state === 'gone') live.counts.gone += 1;
        await report.add({ path, itemId: inputId, state, message, resultItemId: resultId });
      },
    });
    const moves = { mirror, orphans, suffix: suffixOf(plan), lastPass, directory, signal };
    const deferred = await DeferredInputs.open(moves);
    const isDryRun = spec.dryRun === true;
    const effects = { client, live, mirror, report, isBeside: suffixOf(plan) !== undefined, isDryRun };
    const outcomes = new ItemOutcomes({ ...effects, show: () => showIn(live, folder, signal), signal });
    return new Pass(options, { mirror, planner, orphans, deferred, report, outcomes, startedAt });
  }

  async run(): Promise<void> {
    const { live } = this.#options;
    const { orphans, deferred, outcomes, planner } = this.#parts;
    for await (const found of this.#walk().found()) {
      if (found.input === undefined) await this.#addOrphan(found);
      else await this.#addInput(found);
      await this.#show();
    }
    await orphans.resolve(this.#receipts);
    for await (const found of deferred.found()) {
      const candidate = candidateOf(found, this.#suffix);
      await outcomes.add(candidate, await planner.plan(candidate), found.names);
      await this.#show();
    }
    live.state = 'Draining';
    if (!this.#isDryRun) await this.#drained();
    await orphans.settle();
    live.closing = await this.#closing();
    await this.#finish();
  }

  /**
   * A set without watch and schedule is complete when a walk has found nothing to do. After a pass that left nothing, it
   * follows at once, because another planner would take longer to start than to list. It retries nothing once more.
   */
  async #closing(): Promise<ClosingCounts | undefined> {
    const { plan, client, live, folder, name, signal } = this.#options;
    const { watch, schedule } = plan.spec;
    const { todo, unsettled, waiting } = live.counts;
    if (watch !== undefined || schedule !== undefined || this.#isDryRun) return undefined;
    if (todo === 0 || unsettled + waiting > 0) return undefined;
    const { now: startedAt, lastPass } = folder;
    const planner = new ItemPlanner({
      ...{ client, plan, set: name, startedAt, lastPass, signal },
      retryFailed: false,
    });
    const show = () => this.#show();
    return closingWalk({ walk: this.#walk(), planner, suffix: this.#suffix, show });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of [this.#parts.report, this.#parts.deferred, this.#parts.orphans]) {
      await part[Symbol.asyncDispose]();
    }
  }

  #walk(): FolderWalk {
    const { plan, client, places, signal } = this.#options;
    const { source } = plan.spec;
    const { mirror } = this.#parts;
    return new FolderWalk({
      client,
      source,
      places,
      suffix: this.#suffix,
      order: new NameOrder(),
      mirror,
      signal,
    });
  }

  /** While chunks are live, what people ask for in Girder is still read. */
  async #drained(): Promise<void> {
    const { live, signal } = this.#options;
    const drained = live.drained.then(() => true);
    while ((await settledWithin(drained, pollMs, signal)) !== true) {
      signal.throwIfAborted();
      await this.#show();
    }
  }

  async #finish(): Promise<void> {
    const { plan, client, live, folder, places, signal } = this.#options;
    const { report, startedAt } = this.#parts;
    const itemName = `${reportsName}${this.#suffix ?? ''}`;
    const lookUp = (awaited: AwaitedResult) => this.#outcomeOf(awaited);
    const place = { folderId: places.resultsId, itemName, pass: plan.pass, lookUp };
    live.report = await report.upload(client, place, signal);
    const { todo, excluded, gone } = live.counts;
    const run = this.#isDryRun ? 'would run' : 'had to run';
    const message = `Pass ${plan.pass} is complete: ${todo} inputs ${run}, ${excluded} are excluded, ${gone} are gone.`;
    const isVerified = plan.spec.watch?.verifyEvery !== undefined;
    const times = { startedAt, ...(isVerified ? { verifiedAt: startedAt } : {}) };
    await folder.finish(noticeOf(live, 'Done', message), this.#isDryRun ? {} : times, signal);
    live.state = 'Done';
  }

  /** What became of an input that had to run, by the receipt of its result. */
  async #outcomeOf({ folderId, name, before }: AwaitedResult): Promise<ReportRow | undefined> {
    const { signal, name: set } = this.#options;
    const result = await this.#parts.mirror.itemIn(folderId, name, signal);
    const receipt = result === undefined ? undefined : receiptIn(result);
    if (result === undefined || receipt?.set !== set || receipt.finishedAt === before) return undefined;
    const { state, reason, message } = receipt;
    const made = { resultItemId: result._id };
    return state === 'Succeeded' ? { ...made, state: 'done' } : { ...made, state: 'failed', reason, message };
  }

  #show(): Promise<void> {
    const { live, folder, signal } = this.#options;
    return showIn(live, folder, signal);
  }

  async #addOrphan(found: {
    readonly result: ListedDocument;
    readonly names: readonly string[];
  }): Promise<void> {
    const orphan = orphanOf(found, this.#options.name);
    if (orphan === undefined) return;
    if (!orphan.isMarked) this.#receipts += 1;
    await this.#parts.orphans.add(orphan);
  }

  async #addInput(found: FoundInput): Promise<void> {
    const { live } = this.#options;
    const { planner, deferred, outcomes } = this.#parts;
    const candidate = candidateOf(found, this.#suffix);
    live.counts.listed += 1;
    live.cursor = candidate.path;
    const planned = await planner.plan(candidate);
    if (planned.receipt !== undefined) this.#receipts += 1;
    if (!(await deferred.keeps(found, planned))) await outcomes.add(candidate, planned, found.names);
  }
}

function suffixOf({ spec, set }: PlannerPlan): string | undefined {
  return spec.results.place === 'Input' ? `.${set.name}` : undefined;
}

function noticeOf(live: LivePlan, phase: FolderNotice['phase'], message: string): FolderNotice {
  const counts = live.closing ?? live.counts;
  return { phase, done: counts.done, failed: counts.failed, total: counts.listed, message };
}

/** Shows how far the pass is, and reads what people ask for, unless that was done less than 30 s ago. */
async function showIn(live: LivePlan, folder: ResultsFolder, signal: AbortSignal): Promise<void> {
  const phase = live.state === 'Draining' ? 'Draining' : 'Listing';
  await folder.show(() => noticeOf(live, phase, live.cursor), signal);
  live.pause = folder.wishes.pause;
}
