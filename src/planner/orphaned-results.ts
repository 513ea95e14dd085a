import type { Receipt } from '../api/set/receipt.ts';
import { receiptKey } from '../api/set/receipt.ts';
import { RunError } from '../support/errors.ts';
import type { GirderClient } from '../girder/client.ts';
import { ignoreBody } from '../girder/documents.ts';
import { type ListedDocument, parseFolderPath, parseListed } from '../girder/listed-documents.ts';
import { addMetadata } from '../girder/upload/destination.ts';
import { receiptIn } from './folder-walk.ts';
import { isOfDocument, type MirrorFolders, unlessGone } from './mirror.ts';
import type { Places } from './places.ts';
import { ValueSpool } from './spool.ts';

/** A result whose input was not listed beside it. */
export type Orphan = {
  readonly resultId: string;
  readonly resultName: string;
  readonly resultFolderId: string | undefined;
  readonly inputId: string;
  /** Of the result, below the results. */
  readonly path: string;
  /** A pass before has found that the input is gone, and has marked the receipt. */
  readonly isMarked: boolean;
};

/** The orphan that a result is whose input was not found; undefined if it is not a result of the set. */
export function orphanOf(
  { result, names }: { readonly result: ListedDocument; readonly names: readonly string[] },
  set: string,
): Orphan | undefined {
  const receipt = receiptIn(result);
  if (receipt?.set !== set) return undefined;
  return {
    resultId: result._id,
    resultName: result.name,
    resultFolderId: result.parentId,
    inputId: receipt.input.id,
    path: [...names, result.name].join('/'),
    isMarked: receipt.inputGoneSince !== undefined,
  };
}

/** What became of an orphan, for the report. */
export type OrphanNews = Orphan & { readonly state: 'moved' | 'kept' | 'gone'; readonly message: string };

type Options = {
  readonly client: GirderClient;
  readonly each: 'Item' | 'Folder';
  readonly places: Places;
  readonly mirror: MirrorFolders;
  /** For place Input, what is added to the name of an input. */
  readonly suffix: string | undefined;
  readonly set: string;
  readonly whenGone: 'Keep' | 'Mark' | 'Delete';
  readonly isDryRun: boolean;
  /** For the files that hold them. */
  readonly directory: string;
  readonly onNews: (news: OrphanNews) => Promise<void>;
  readonly signal: AbortSignal;
};

/** So many results, and so many of a hundred, may lose their inputs at once without a question. */
const unsuspicious = { count: 10, percent: 5 } as const;

/** About 20 MB of memory; a dry run counts the inputs of more as new. */
const mostWouldMove = 100_000;

/** Where an input is now: its name, and its folder, also as names below the source. */
type Whereabouts = { readonly name: string; readonly folderId: string; readonly names: readonly string[] };

/**
 * The results whose inputs were not listed. A list may lack an input for many reasons, so each is asked for by its id,
 * in a session that is known to Girder.
 */
export class OrphanedResults implements AsyncDisposable {
  readonly #options: Options;
  readonly #orphans: ValueSpool<Orphan>;
  readonly #gone: ValueSpool<Orphan>;
  /** Results that moved along with their inputs. */
  moved = 0;
  /** In a dry run, the results that would move along, by the ids of their inputs: at most {@link mostWouldMove}. */
  readonly wouldMove = new Map<string, string>();

  private constructor(options: Options, orphans: ValueSpool<Orphan>, gone: ValueSpool<Orphan>) {
    this.#options = options;
    this.#orphans = orphans;
    this.#gone = gone;
  }

  static async open(options: Options): Promise<OrphanedResults> {
    const { directory } = options;
    const orphans = await ValueSpool.open<Orphan>(directory);
    return new OrphanedResults(options, orphans, await ValueSpool.open<Orphan>(directory));
  }

  get count(): number {
    return this.#orphans.count;
  }

  async add(orphan: Orphan): Promise<void> {
    await this.#orphans.add(orphan);
  }

  /**
   * Asks for the inputs, and lets the results of those that moved move along.
   * @param receipts how many results of the set there are
   * @throws RunError InputsGone when so many are gone that a person has to decide; nothing is marked or deleted then
   */
  async resolve(receipts: number): Promise<void> {
    let [lost, example] = [0, ''];
    for await (const orphan of this.#orphans.values()) {
      if (orphan.isMarked && this.#options.whenGone === 'Mark') {
        await this.#gone.add(orphan);
        continue;
      }
      const input = await this.#ask(orphan);
      if (typeof input === 'string') await this.#news(orphan, 'kept', input);
      else if (input !== undefined) await this.#follow(orphan, input);
      else {
        await this.#gone.add(orphan);
        if (!orphan.isMarked) [lost, example] = [lost + 1, example || orphan.path];
      }
      if (this.#options.whenGone !== 'Keep') this.#checkLoss(lost, receipts, example);
    }
  }

  /** Does with the results of inputs that are gone what the set says. Call when no chunk is live. */
  async settle(): Promise<void> {
    const { whenGone, isDryRun } = this.#options;
    for await (const orphan of this.#gone.values()) {
      if (whenGone === 'Keep')
        await this.#news(orphan, 'gone', 'its input no longer exists; the result is kept');
      else if (isDryRun) await this.#news(orphan, 'gone', 'its input no longer exists');
      else await this.#end(orphan);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#orphans[Symbol.asyncDispose]();
    await this.#gone[Symbol.asyncDispose]();
  }

  #checkLoss(lost: number, receipts: number, example: string): void {
    if (lost <= unsuspicious.count || lost * 100 <= receipts * unsuspicious.percent) return;
    const text = `the inputs of at least ${lost} of ${receipts} results no longer exist in Girder, for example that of ${example}`;
    throw new RunError('InputsGone', `${text}; nothing was marked or deleted`);
  }

  async #news(orphan: Orphan, state: OrphanNews['state'], message: string): Promise<void> {
    await this.#options.onNews({ ...orphan, state, message });
  }

  /** Where the input is; undefined if it does not exist; a sentence if it is not known or not in the source. */
  async #ask({ inputId }: Orphan): Promise<Whereabouts | string | undefined> {
    const { client, each, places, signal } = this.#options;
    const kind = each === 'Item' ? 'item' : 'folder';
    const common = { method: 'GET', subject: `${kind} ${inputId}`, signal } as const;
    try {
      const ask = () => client.json({ ...common, route: [kind, inputId], parse: parseListed });
      const { name, parentId = '' } = await client
        .inOneSession(() => ask().catch(absent), signal)
        .then(present);
      const route = [kind, inputId, 'rootpath'];
      const folders = await client.json({ ...common, route, parse: parseFolderPath });
      const index = folders.findIndex(({ id }) => id === places.sourceId);
      if (index === -1) return 'its input is no longer in the source; the result is kept';
      return { name, folderId: parentId, names: folders.slice(index + 1).map((folder) => folder.name) };
    } catch (error) {
      if (error instanceof Absent) return undefined;
      if (!(error instanceof RunError) || !isOfDocument(error)) throw error;
      return `it is not known whether its input exists: ${error.message}`;
    }
  }

  async #follow(orphan: Orphan, { name, folderId, names }: Whereabouts): Promise<void> {
    const { mirror, suffix, isDryRun, signal } = this.#options;
    const resultName = name + (suffix ?? '');
    const known = suffix === undefined ? await mirror.find(names, signal) : folderId;
    const isThere =
      known !== undefined && known === orphan.resultFolderId && resultName === orphan.resultName;
    if (isThere) return this.#news(orphan, 'kept', 'its input exists, but the list of its folder lacked it');
    if (this.wouldMove.has(orphan.inputId) || (await this.#isTaken(known, resultName))) {
      return this.#news(orphan, 'kept', 'its input has moved to where another result is; the result is kept');
    }
    const to = [...names, resultName].join('/');
    if (isDryRun && this.wouldMove.size < mostWouldMove) this.wouldMove.set(orphan.inputId, orphan.resultId);
    if (isDryRun) return this.#news(orphan, 'moved', `its input has moved; it would move to ${to}`);
    const into = suffix === undefined ? await mirror.ensure(names, signal) : folderId;
    await this.#moveTo(orphan, { folderId: into, name: resultName });
    this.moved += 1;
    await this.#news(orphan, 'moved', `its input has moved; it has moved to ${to}`);
  }

  /** One after the other: in one request, Girder would compare the new name with those in the old folder. */
  async #moveTo(orphan: Orphan, { folderId, name }: { folderId: string; name: string }): Promise<void> {
    if (folderId !== orphan.resultFolderId) await this.#update(orphan, { folderId });
    if (name !== orphan.resultName) await this.#update(orphan, { name });
  }

  async #update({ resultId }: Orphan, form: Readonly<Record<string, string>>): Promise<void> {
    const { client, signal } = this.#options;
    const request = { method: 'PUT', route: ['item', resultId], form, signal } as const;
    await client.json({ ...request, subject: `item ${resultId}`, parse: ignoreBody });
  }

  async #isTaken(folderId: string | undefined, name: string): Promise<boolean> {
    const { mirror, signal } = this.#options;
    return folderId !== undefined && (await mirror.itemIn(folderId, name, signal)) !== undefined;
  }

  /** Looks at the result once more: a chunk may have replaced it. */
  async #end(orphan: Orphan): Promise<void> {
    const { client, whenGone, signal } = this.#options;
    const subject = `item ${orphan.resultId}`;
    const common = { route: ['item', orphan.resultId], subject, signal };
    const result = await client.json({ ...common, method: 'GET', parse: parseListed }).catch(unlessGone);
    const receipt = result && this.#ownReceipt(result, orphan);
    if (receipt === undefined) return;
    if (whenGone === 'Delete') {
      await client.json({ ...common, method: 'DELETE', parse: ignoreBody }).catch(unlessGone);
      return this.#news(orphan, 'gone', 'its input no longer exists; the result was deleted');
    }
    if (receipt.inputGoneSince === undefined) {
      const marked = { ...receipt, inputGoneSince: new Date().toISOString() };
      await addMetadata(client, orphan.resultId, { [receiptKey]: marked }, signal);
    }
    await this.#news(orphan, 'gone', 'its input no longer exists; the receipt is marked');
  }

  #ownReceipt(result: ListedDocument, { inputId }: Orphan): Receipt | undefined {
    const receipt = receiptIn(result);
    return receipt?.set === this.#options.set && receipt.input.id === inputId ? receipt : undefined;
  }
}

/** The input does not exist. */
class Absent extends Error {
  override readonly name = 'Absent';
}

/** A value, so that the session is checked before the answer counts. */
function absent(error: unknown): Absent {
  if (error instanceof RunError && error.reason === 'GirderNotFound') return new Absent();
  throw error;
}

function present<T>(value: T | Absent): T {
  if (value instanceof Absent) throw value;
  return value;
}
