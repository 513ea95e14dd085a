import { tmpdir } from 'node:os';
import type { PlannerPlan } from '../api/set/planner-plan.ts';
import { type Receipt, receiptKey } from '../api/set/receipt.ts';
import type { Why } from '../api/set/window.ts';
import { defined } from '../api/json-values.ts';
import { raceAbort } from '../support/abort.ts';
import { toRunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { GirderClient } from '../girder/client.ts';
import type { ListedDocument } from '../girder/listed-documents.ts';
import { NameOrder } from '../girder/name-listing.ts';
import { addMetadata } from '../girder/upload/destination.ts';
import type { ReportRow } from './csv.ts';
import { FolderWalk, receiptIn, reportsName } from './folder-walk.ts';
import { type Candidate, ItemPlanner, offeredItem, type PlannedItem } from './item-planner.ts';
import type { LivePlan } from './live-plan.ts';
import { MirrorFolders } from './mirror.ts';
import { OrphanedResults } from './orphaned-results.ts';
import { PassReport } from './pass-report.ts';
import { findPlaces, type Places } from './places.ts';
import { type FolderNotice, ResultsFolder, sharedKey } from './results-folder.ts';
import { ValueSpool } from './spool.ts';

export type PassOptions = {
  readonly plan: PlannerPlan;
  readonly client: GirderClient;
  readonly live: LivePlan;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** For files without a name; the default is that of the system. */
  readonly spoolDirectory?: string;
};

/** An input that seems new, but may only have moved: its result may still be elsewhere. */
type Deferred = { readonly input: ListedDocument; readonly names: readonly string[] };

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
  readonly deferred: ValueSpool<Deferred>;
  readonly report: PassReport;
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
    const deferred = await ValueSpool.open<Deferred>(directory);
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
    return new Pass(options, { mirror, planner, orphans, deferred, report, startedAt });
  }

  async run(): Promise<void> {
    const { live, signal } = this.#options;
    const { orphans, deferred } = this.#parts;
    for await (const found of this.#walk().found()) {
      if (found.input === undefined) await this.#addOrphan(found.result, found.names);
      else await this.#addInput(found.input, found.result, found.names);
      await this.#show();
    }
    await orphans.resolve(this.#receipts);
    for await (const { input, names } of deferred.values()) {
      await this.#addDeferred(input, names);
      await this.#show();
    }
    live.state = 'Draining';
    if (!this.#isDryRun) await raceAbort(this.#drained(), signal);
    await orphans.settle();
    await this.#finish();
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
    const { live } = this.#options;
    let isDrained = false;
    void live.drained.then(() => (isDrained = true));
    while (!isDrained) {
      await Promise.race([live.drained, pollDelay()]);
      await this.#show();
    }
  }

  async #finish(): Promise<void> {
    const { plan, client, live, folder, places, signal } = this.#options;
    const { report, startedAt } = this.#parts;
    const itemName = `${reportsName}${this.#suffix ?? ''}`;
    const place = { folderId: places.resultsId, itemName, pass: plan.pass };
    live.report = await report.upload(client, place, signal);
    const { todo, excluded, gone } = live.counts;
    const run = this.#isDryRun ? 'would run' : 'had to run';
    const message = `Pass ${plan.pass} is complete: ${todo} inputs ${run}, ${excluded} are excluded, ${gone} are gone.`;
    const times = this.#isDryRun ? {} : { startedAt, verifiedAt: startedAt };
    await folder.finish(noticeOf(live, 'Done', message), times, signal);
    live.state = 'Done';
  }

  async #show(): Promise<void> {
    const { live, folder, signal } = this.#options;
    const phase = live.state === 'Draining' ? 'Draining' : 'Listing';
    await folder.show(() => noticeOf(live, phase, live.cursor), signal);
    live.pause = folder.wishes.pause;
  }

  async #addOrphan(result: ListedDocument, names: readonly string[]): Promise<void> {
    const receipt = receiptIn(result);
    if (receipt?.set !== this.#options.name) return;
    const isMarked = receipt.inputGoneSince !== undefined;
    if (!isMarked) this.#receipts += 1;
    await this.#parts.orphans.add({
      resultId: result._id,
      resultName: result.name,
      resultFolderId: result.parentId,
      inputId: receipt.input.id,
      path: [...names, result.name].join('/'),
      isMarked,
    });
  }

  async #addInput(
    input: ListedDocument,
    result: ListedDocument | undefined,
    names: readonly string[],
  ): Promise<void> {
    const { live } = this.#options;
    const candidate = this.#candidate(input, result, names);
    live.counts.listed += 1;
    live.cursor = candidate.path;
    const planned = await this.#parts.planner.plan(candidate);
    if (planned.receipt !== undefined) this.#receipts += 1;
    if (this.#mayHaveMoved(planned, input)) await this.#parts.deferred.add({ input: input, names });
    else await this.#settle(candidate, planned, names);
  }

  /** A new input that was there when the last pass started may have a result elsewhere, which the walk has yet to find. */
  #mayHaveMoved({ decision }: PlannedItem, { created }: ListedDocument): boolean {
    const { startedAt } = this.#options.folder.lastPass;
    if (startedAt === undefined || decision.state !== 'run' || decision.why !== 'new') return false;
    return !(Date.parse(created ?? '') >= startedAt);
  }

  async #addDeferred(input: ListedDocument, names: readonly string[]): Promise<void> {
    const { mirror, orphans, planner } = this.#parts;
    const { signal } = this.#options;
    const isBeside = this.#suffix !== undefined;
    const resultName = `${input.name}${this.#suffix ?? ''}`;
    const folderId =
      orphans.moved === 0 ? undefined : isBeside ? input.parentId : await mirror.find(names, signal);
    const result = folderId === undefined ? undefined : await mirror.itemIn(folderId, resultName, signal);
    const candidate = this.#candidate(input, result, names);
    await this.#settle(candidate, await planner.plan(candidate), names);
  }

  #candidate(input: ListedDocument, result: ListedDocument | undefined, names: readonly string[]): Candidate {
    const resultName = `${input.name}${this.#suffix ?? ''}`;
    return { input, result, resultName, path: [...names, input.name].join('/') };
  }

  /** Carries out a decision. */
  async #settle(candidate: Candidate, planned: PlannedItem, names: readonly string[]): Promise<void> {
    const { live } = this.#options;
    const { decision, receipt } = planned;
    const resultItemId = candidate.result?._id;
    const row = { path: candidate.path, itemId: candidate.input._id, resultItemId };
    switch (decision.state) {
      case 'run':
        live.counted(decision.why);
        if (!this.#isDryRun) await this.#offer(candidate, { ...planned, ...decision }, names);
        return this.#row({ ...row, state: 'todo', why: decision.why });
      case 'done':
        live.counts.done += 1;
        if (receipt !== undefined) await this.#refresh(candidate, receipt, decision.isRefreshed);
        return this.#row({ ...row, state: 'done' });
      case 'failed':
        live.counts.failed += 1;
        live.failures.add({
          ...decision,
          itemId: row.itemId,
          name: candidate.input.name,
          ...defined({ resultItemId }),
        });
        return this.#row({ ...row, ...decision });
      case 'look':
        throw new TypeError('the files of an input have not been looked at');
      default:
        live.counts[decision.state] += 1;
        return this.#row({ ...row, ...decision });
    }
  }

  async #row(row: ReportRow): Promise<void> {
    await this.#parts.report.add(row);
  }

  async #offer(
    candidate: Candidate,
    planned: PlannedItem & { readonly why: Why; readonly attempts: number },
    names: readonly string[],
  ): Promise<void> {
    const { live, places, signal } = this.#options;
    const { mirror } = this.#parts;
    const { parentId = places.sourceId } = candidate.input;
    const beside = this.#suffix === undefined ? undefined : parentId;
    const folderId = beside ?? (await mirror.ensure(names, signal));
    const added = live.window.add(planned.why, offeredItem(candidate, planned, folderId), signal);
    await this.#whileWaiting(added);
  }

  /** A full window may stay full for hours, in which people still may ask for a pause. */
  async #whileWaiting(added: Promise<void>): Promise<void> {
    let isAdded = false;
    const noted = added.then(() => (isAdded = true));
    noted.catch(() => undefined);
    while (!isAdded) {
      await Promise.race([noted, pollDelay()]);
      if (!isAdded) await this.#show();
    }
    await noted;
  }

  /** Without this, each later pass would list the files of the input again. */
  async #refresh({ input, result }: Candidate, receipt: Receipt, isRefreshed: boolean): Promise<void> {
    const { inputGoneSince, ...rest } = receipt;
    if (result === undefined || this.#isDryRun || (!isRefreshed && inputGoneSince === undefined)) return;
    const { client, signal } = this.#options;
    const { name, updated, size } = input;
    const fresh = { ...rest, input: { ...rest.input, name, ...defined({ updated, size }) } };
    await addMetadata(client, result._id, { [receiptKey]: fresh }, signal);
  }
}

/** Milliseconds between two looks at what people ask for; the folder is asked less often. */
const pollMs = 1_000;

async function pollDelay(): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, pollMs).unref());
}

function suffixOf({ spec, set }: PlannerPlan): string | undefined {
  return spec.results.place === 'Input' ? `.${set.name}` : undefined;
}

function noticeOf({ counts }: LivePlan, phase: FolderNotice['phase'], message: string): FolderNotice {
  return { phase, done: counts.done, failed: counts.failed, total: counts.listed, message };
}
