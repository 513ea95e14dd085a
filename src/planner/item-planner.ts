import type { ForEachItem } from '../api/for-each.ts';
import { defined } from '../api/json-values.ts';
import type { PlannerPlan } from '../api/set/planner-plan.ts';
import {
  foreignText,
  type Receipt,
  type ReceiptFile,
  receiptKey,
  type ResultOwner,
  resultOwner,
} from '../api/set/receipt.ts';
import { filesDigestOf, recipeOf, usedItemNames } from '../api/set/recipe.ts';
import { secondsOf, type whereFields } from '../api/set/set-spec.ts';
import { RunError } from '../support/errors.ts';
import type { GirderClient } from '../girder/client.ts';
import { inputFiles } from '../girder/input-files.ts';
import { hasFiles } from '../girder/lookup.ts';
import type { ListedDocument } from '../girder/listed-documents.ts';
import { type Decision, decideItem, type ItemFacts, type PassRules } from './decide-item.ts';
import type { FoundInput } from './folder-walk.ts';
import { type FirstFile, metadataProblem, usesFile, usesMetadata, valuesOf } from './item-values.ts';
import { matchesAny } from './name-patterns.ts';
import type { LastPass } from './results-folder.ts';
import { isInShare } from './verify-share.ts';
import { compileWhere, type Where } from './where-expression.ts';

/** In characters, as the schema of a chunk has it. */
const longest = { name: 255, result: 400 } as const;

/** An input with what is at the place of its result. */
export type Candidate = {
  readonly input: ListedDocument;
  readonly result: ListedDocument | undefined;
  readonly resultName: string;
  /** Below the source, with the name of the input. */
  readonly path: string;
  /** Whether the input before it in the same folder has its name, which Girder does not allow. */
  readonly isNamesake: boolean;
  /** Whether the result has moved along with the input in this pass. */
  readonly hasMoved: boolean;
};

/** What {@link ItemPlanner} decides about; `suffix` is what is added to the name of an input for that of its result. */
export function candidateOf(
  { input, result, names, isNamesake, hasMoved = false }: FoundInput,
  suffix = '',
): Candidate {
  const path = [...names, input.name].join('/');
  return { input, result, resultName: `${input.name}${suffix}`, path, isNamesake, hasMoved };
}

export type PlannedItem = {
  readonly decision: Decision;
  readonly recipe: string;
  readonly values: Readonly<Record<string, string>>;
  readonly receipt: Receipt | undefined;
};

type Options = {
  readonly client: GirderClient;
  readonly plan: PlannerPlan;
  readonly set: string;
  /** When the pass started, by Girder's clock; it also is the time of all decisions. */
  readonly startedAt: number;
  readonly lastPass: LastPass;
  readonly retryFailed: boolean;
  readonly signal: AbortSignal;
};

/** Finds out what becomes of each input: it gathers the facts, and asks Girder for files only where they decide. */
export class ItemPlanner {
  readonly #options: Options;
  readonly #where: Where | undefined;
  readonly #names: readonly string[];
  readonly #rules: PassRules;

  /** @throws RunError InvalidSpec for a `where` that is not an expression */
  constructor(options: Options) {
    const { source, template, retries, escalate } = options.plan.spec;
    this.#options = options;
    this.#where = source.where === undefined ? undefined : compileWhere(source.where);
    this.#names = usedItemNames(template.spec);
    this.#rules = {
      now: options.startedAt,
      settleSeconds: source.settleSeconds,
      retries,
      memorySteps: escalate?.onOOM.length ?? 0,
      retryFailed: options.retryFailed,
    };
  }

  async plan(candidate: Candidate): Promise<PlannedItem> {
    const { result } = candidate;
    const owner = result && resultOwner(result.meta[receiptKey], this.#options.set);
    const receipt = owner?.kind === 'own' ? owner.receipt : undefined;
    const exclusion = this.#exclusionOf(candidate);
    if (exclusion !== undefined) return excluded(exclusion, receipt);
    const notOurs = result && owner && (await this.#notOurs(result, owner));
    const known = this.#knownFile(candidate, receipt);
    const files = usesFile(this.#names) && known === undefined ? await this.#filesOf(candidate) : undefined;
    const first = { candidate, receipt, notOurs, file: known };
    const planned = this.#decide({ ...first, files });
    if (planned.decision.state !== 'look') return planned;
    return this.#decide({ ...first, file: undefined, files: await this.#filesOf(candidate) });
  }

  #decide({ candidate, receipt, notOurs, file, files }: Gathered): PlannedItem {
    if (typeof files === 'string') return unsettled(files, receipt);
    const { input, path } = candidate;
    const valued = valuesOf(this.#names, { document: input, path, file: file ?? firstOf(files) });
    if ('missing' in valued) return excluded(valued.missing, receipt);
    const { spec } = this.#options.plan;
    const { values } = valued;
    const recipe = recipeOf({ template: spec.template.spec, version: spec.version, values });
    const facts: ItemFacts = {
      input: { id: input._id, updated: input.updated, size: input.size },
      notOurs,
      receipt,
      recipe,
      version: spec.version,
      usesValues: this.#names.length > 0,
      hasMoved: candidate.hasMoved,
      isVerifyDue: this.#isVerifyDue(input._id),
      filesDigest: files === undefined ? undefined : filesDigestOf(files),
    };
    return { decision: decideItem(facts, this.#rules), recipe, values, receipt };
  }

  /** Why names, where or its own name exclude an input. */
  #exclusionOf({ input, resultName, isNamesake }: Candidate): string | undefined {
    const { names } = this.#options.plan.spec.source;
    if (isNamesake) return 'another input of the folder has its name';
    if (names !== undefined && !matchesAny(input.name, names)) return 'its name matches none of names';
    if (input.name.length > longest.name) return `its name has more than ${longest.name} characters`;
    if (resultName.length > longest.result) {
      return `the name of its result would have more than ${longest.result} characters`;
    }
    return this.#whereExcludes(input);
  }

  #whereExcludes(input: ListedDocument): string | undefined {
    if (this.#where === undefined && !usesMetadata(this.#names)) return undefined;
    const problem = metadataProblem(input);
    if (problem !== undefined) return `its metadata ${problem}`;
    const { _id: id, parentId: folderId = '', size = 0, updated = '', created = '', name, meta } = input;
    const known = { id, name, size, created, updated, folderId, meta };
    const item: Record<(typeof whereFields)[number], unknown> = known;
    return this.#where?.({ ...item, _id: id });
  }

  /** Why the set may not replace what is at the place of a result; a chunk would refuse it for the same cause. */
  async #notOurs(result: ListedDocument, owner: ResultOwner): Promise<string | undefined> {
    if (owner.kind === 'own') return undefined;
    if (owner.kind === 'unmarked' && !(await this.#hasFiles(result))) return undefined;
    return `the result at its place ${foreignText(owner)}`;
  }

  /** Files of 0 bytes and links do not show in the size. */
  async #hasFiles({ _id, size = 0 }: ListedDocument): Promise<boolean> {
    if (size > 0) return true;
    const { client, signal } = this.#options;
    try {
      return await hasFiles(client, _id, signal);
    } catch (error) {
      if (error instanceof RunError && passing.has(error.reason)) return false;
      throw error;
    }
  }

  /** The first file as the receipt has it, if the input is as it was then: it costs no request. */
  #knownFile({ input }: Candidate, receipt: Receipt | undefined): FirstFile | undefined {
    if (receipt === undefined || receipt.input.id !== input._id) return undefined;
    const { updated, size, files } = receipt.input;
    if (updated !== input.updated || size !== input.size) return undefined;
    return firstOf(files);
  }

  #isVerifyDue(inputId: string): boolean {
    const { plan, lastPass, startedAt: until } = this.#options;
    const seconds = secondsOf(plan.spec.watch?.verifyEvery ?? '');
    if (seconds === 0) return false;
    const everyMs = seconds * 1000;
    return isInShare(inputId, { after: lastPass.verifiedAt ?? until - everyMs, until, everyMs });
  }

  /** The files; a sentence if they cannot be listed now, because the input was deleted meanwhile or may not be read. */
  async #filesOf({ input }: Candidate): Promise<ReceiptFile[] | string> {
    const { client, plan, signal } = this.#options;
    try {
      return await inputFiles(client, { each: plan.spec.source.each, id: input._id }, signal);
    } catch (error) {
      const isOfInput = error instanceof RunError && passing.has(error.reason);
      if (!isOfInput) throw error;
      return `its files cannot be listed: ${error.message}`;
    }
  }
}

/** An input as its chunk gets it. */
export function offeredItem(
  { input, resultName }: Candidate,
  { recipe, values, attempts }: PlannedItem & { readonly attempts: number },
  folderId: string,
): ForEachItem {
  return {
    id: input._id,
    name: input.name,
    recipe,
    ...defined({ updated: input.updated, size: input.size }),
    ...(Object.keys(values).length === 0 ? {} : { values: { ...values } }),
    ...(attempts === 0 ? {} : { attempts }),
    result: { folderId, name: resultName },
  };
}

type Gathered = {
  readonly candidate: Candidate;
  readonly receipt: Receipt | undefined;
  readonly notOurs: string | undefined;
  readonly file: FirstFile | undefined;
  readonly files: ReceiptFile[] | string | undefined;
};

/** Reasons that concern one input, and not Girder or the credentials as a whole. */
const passing: ReadonlySet<string> = new Set(['GirderNotFound', 'GirderForbidden', 'GirderRefused']);

function excluded(message: string, receipt: Receipt | undefined): PlannedItem {
  return { decision: { state: 'excluded', message }, recipe: '', values: {}, receipt };
}

function unsettled(message: string, receipt: Receipt | undefined): PlannedItem {
  return { decision: { state: 'unsettled', message }, recipe: '', values: {}, receipt };
}

/** By name, and by id where names are equal. */
function firstOf(files: readonly ReceiptFile[] | undefined): FirstFile | undefined {
  const named = (files ?? []).flatMap(({ id, name }) => (name === undefined ? [] : [{ id, name }]));
  const [first] = named.toSorted((a, b) => compare(a.name, b.name) || compare(a.id, b.id));
  return first;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
