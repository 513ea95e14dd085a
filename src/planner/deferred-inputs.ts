import type { ListedDocument } from '../girder/listed-documents.ts';
import type { FoundInput } from './folder-walk.ts';
import type { PlannedItem } from './item-planner.ts';
import type { MirrorFolders } from './mirror.ts';
import type { OrphanedResults } from './orphaned-results.ts';
import type { LastPass } from './results-folder.ts';
import { ValueSpool } from './spool.ts';

type Options = {
  readonly mirror: MirrorFolders;
  readonly orphans: OrphanedResults;
  /** For place Input, what is added to the name of an input. */
  readonly suffix: string | undefined;
  readonly lastPass: LastPass;
  /** For the file that holds them. */
  readonly directory: string;
  readonly signal: AbortSignal;
};

type Deferred = { readonly input: ListedDocument; readonly names: readonly string[] };

/** Inputs that seem new, but may only have moved: their results may be elsewhere, which the walk has yet to find. */
export class DeferredInputs implements AsyncDisposable {
  readonly #options: Options;
  readonly #inputs: ValueSpool<Deferred>;

  private constructor(options: Options, inputs: ValueSpool<Deferred>) {
    this.#options = options;
    this.#inputs = inputs;
  }

  static async open(options: Options): Promise<DeferredInputs> {
    return new DeferredInputs(options, await ValueSpool.open<Deferred>(options.directory));
  }

  get count(): number {
    return this.#inputs.count;
  }

  /** Keeps a new input that was there when the last pass started; false if the input cannot have moved since. */
  async keeps({ input, names }: FoundInput, { decision }: PlannedItem): Promise<boolean> {
    const { startedAt } = this.#options.lastPass;
    if (startedAt === undefined || decision.state !== 'run' || decision.why !== 'new') return false;
    if (Date.parse(input.created ?? '') >= startedAt) return false;
    await this.#inputs.add({ input, names });
    return true;
  }

  /** The inputs, each with the result that has moved along with it. Call when the orphaned results are resolved. */
  async *found(): AsyncGenerator<FoundInput, void, undefined> {
    for await (const { input, names } of this.#inputs.values()) {
      const result = await this.#resultOf(input, names);
      yield { input, names, result, isNamesake: false, hasMoved: result !== undefined };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inputs[Symbol.asyncDispose]();
  }

  async #resultOf(input: ListedDocument, names: readonly string[]): Promise<ListedDocument | undefined> {
    const { mirror, orphans, suffix, signal } = this.#options;
    const elsewhere = orphans.wouldMove.get(input._id);
    if (elsewhere !== undefined) return mirror.item(elsewhere, signal);
    if (orphans.moved === 0) return undefined;
    const folderId = suffix === undefined ? await mirror.find(names, signal) : input.parentId;
    const name = `${input.name}${suffix ?? ''}`;
    return folderId === undefined ? undefined : mirror.itemIn(folderId, name, signal);
  }
}
