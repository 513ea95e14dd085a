import { defined } from '../api/json-values.ts';
import { type Receipt, receiptKey } from '../api/set/receipt.ts';
import type { Why } from '../api/set/window.ts';
import { settledWithin } from '../support/abort.ts';
import type { GirderClient } from '../girder/client.ts';
import { addMetadata } from '../girder/upload/destination.ts';
import { type Candidate, offeredItem, type PlannedItem } from './item-planner.ts';
import type { LivePlan } from './live-plan.ts';
import type { MirrorFolders } from './mirror.ts';
import type { AwaitedResult, PassReport } from './pass-report.ts';

/** Milliseconds between two looks at what people ask for; the folder is asked less often. */
export const pollMs = 1_000;

type Options = {
  readonly client: GirderClient;
  readonly live: LivePlan;
  readonly mirror: MirrorFolders;
  readonly report: PassReport;
  /** Whether results are beside the inputs. */
  readonly isBeside: boolean;
  readonly isDryRun: boolean;
  /** Called while it waits. */
  readonly show: () => Promise<void>;
  readonly signal: AbortSignal;
};

/** Carries out what was decided for each input: counts, a line of the report, and a place in the window. */
export class ItemOutcomes {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Carries out a decision; `names` are the folders around the input. */
  async add(candidate: Candidate, planned: PlannedItem, names: readonly string[]): Promise<void> {
    const { live } = this.#options;
    const { decision, receipt } = planned;
    const resultItemId = candidate.result?._id;
    const row = { path: candidate.path, itemId: candidate.input._id, resultItemId };
    switch (decision.state) {
      case 'run':
        live.counted(decision.why);
        return this.#options.report.add(
          { ...row, state: 'todo', why: decision.why },
          this.#options.isDryRun
            ? undefined
            : await this.#offer(candidate, { ...planned, ...decision }, names),
        );
      case 'done':
        live.counts.done += 1;
        if (receipt !== undefined) await this.#refresh(candidate, receipt, decision.isRefreshed);
        return this.#options.report.add({ ...row, state: 'done' });
      case 'failed':
        live.counts.failed += 1;
        live.failures.add({
          ...decision,
          itemId: row.itemId,
          name: candidate.input.name,
          ...defined({ resultItemId }),
        });
        return this.#options.report.add({ ...row, ...decision });
      case 'look':
        throw new TypeError('the files of an input have not been looked at');
      default:
        live.counts[decision.state] += 1;
        return this.#options.report.add({ ...row, ...decision });
    }
  }

  /** Puts the input into the window; returns where its result will be. */
  async #offer(
    candidate: Candidate,
    planned: PlannedItem & { readonly why: Why; readonly attempts: number },
    names: readonly string[],
  ): Promise<AwaitedResult> {
    const { live, mirror, isBeside, signal } = this.#options;
    const { parentId } = candidate.input;
    const folderId = isBeside && parentId !== undefined ? parentId : await mirror.ensure(names, signal);
    // A full window may stay full for hours, in which people still may ask for a pause.
    const added = live.window
      .add(planned.why, offeredItem(candidate, planned, folderId), signal)
      .then(() => true);
    while ((await settledWithin(added, pollMs, signal)) !== true) {
      signal.throwIfAborted();
      await this.#options.show();
    }
    return { folderId, name: candidate.resultName, before: planned.receipt?.finishedAt };
  }

  /** Without this, each later pass would list the files of the input again. */
  async #refresh({ input, result }: Candidate, receipt: Receipt, isRefreshed: boolean): Promise<void> {
    const { inputGoneSince, ...rest } = receipt;
    if (result === undefined || this.#options.isDryRun || (!isRefreshed && inputGoneSince === undefined))
      return;
    const { client, signal } = this.#options;
    const { name, updated, size } = input;
    const fresh = { ...rest, input: { ...rest.input, name, ...defined({ updated, size }) } };
    await addMetadata(client, result._id, { [receiptKey]: fresh }, signal);
  }
}
