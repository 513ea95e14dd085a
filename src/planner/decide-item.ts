import { type FailureReason, failureReasons } from '../api/reasons.ts';
import type { Receipt } from '../api/set/receipt.ts';
import type { Why } from '../api/set/window.ts';

/** All that is known of an input when it is decided what becomes of it. */
export type ItemFacts = {
  readonly input: {
    readonly id: string;
    readonly updated?: string | undefined;
    readonly size?: number | undefined;
  };
  /** Why names, where or a missing value exclude it: a sentence. */
  readonly exclusion?: string | undefined;
  /** Why what is at the place of its result is not of this set: a sentence. */
  readonly notOurs?: string | undefined;
  /** That of this set. */
  readonly receipt?: Receipt | undefined;
  readonly recipe: string;
  readonly version?: string | undefined;
  /** Whether the template uses values of the input, so that another recipe may come from a change of them. */
  readonly usesValues: boolean;
  /** Whether its result has moved along with it in this pass. */
  readonly hasMoved?: boolean;
  /** Whether its files have to be looked at in this pass. */
  readonly isVerifyDue: boolean;
  /** Of its files as they are now; undefined if they have not been listed. */
  readonly filesDigest?: string | undefined;
};

/** What is the same for all inputs of a pass. Times are those of Girder, in milliseconds since 1970. */
export type PassRules = {
  readonly now: number;
  readonly settleSeconds: number;
  readonly retries: number;
  /** How many larger memory limits there are for an input that ran out of memory. */
  readonly memorySteps: number;
  readonly retryFailed: boolean;
};

export type Decision =
  /** `isRefreshed`: the receipt does not have the input's present time and size, although the files are the same. */
  | { readonly state: 'done'; readonly isRefreshed: boolean }
  /** Its files have to be listed before more can be decided. */
  | { readonly state: 'look' }
  | { readonly state: 'run'; readonly why: Why; readonly attempts: number }
  | { readonly state: 'excluded' | 'unsettled'; readonly message: string }
  | { readonly state: 'waiting' | 'failed'; readonly reason: string; readonly message: string };

type Rule = {
  readonly when: (facts: ItemFacts, rules: PassRules) => boolean;
  readonly then: (facts: ItemFacts, rules: PassRules) => Decision;
};

const run = (why: Why, attempts = 0): Decision => ({ state: 'run', why, attempts });

/** The first rule that applies decides; the last one always does. */
const table: readonly Rule[] = [
  {
    when: ({ exclusion }) => exclusion !== undefined,
    then: ({ exclusion = '' }) => ({ state: 'excluded', message: exclusion }),
  },
  {
    when: ({ notOurs }) => notOurs !== undefined,
    then: ({ notOurs = '' }) => ({ state: 'failed', reason: 'ResultNotOurs', message: notOurs }),
  },
  {
    when: (facts) => isAsListed(facts) && hasSucceeded(facts) && hasRecipe(facts) && !facts.isVerifyDue,
    then: () => ({ state: 'done', isRefreshed: false }),
  },
  {
    when: (facts, rules) => settlesAt(facts, rules) > rules.now,
    then: (facts, rules) => ({
      state: 'unsettled',
      message: `it changed at ${facts.input.updated}, less than ${rules.settleSeconds} s ago`,
    }),
  },
  { when: ({ receipt }) => receipt === undefined, then: () => run('new') },
  { when: ({ receipt, input }) => receipt?.input.id !== input.id, then: () => run('inputChanged') },
  {
    when: (facts) => !hasRecipe(facts) && facts.receipt?.version !== facts.version,
    then: () => run('versionChanged'),
  },
  {
    when: (facts) => !hasRecipe(facts) && facts.usesValues && (!isAsListed(facts) || facts.hasMoved === true),
    then: () => run('inputChanged'),
  },
  { when: (facts) => !hasRecipe(facts), then: () => run('templateChanged') },
  {
    when: (facts) => facts.filesDigest === undefined && (!isAsListed(facts) || hasSucceeded(facts)),
    then: () => ({ state: 'look' }),
  },
  {
    when: ({ filesDigest, receipt }) =>
      filesDigest !== undefined && filesDigest !== receipt?.input.filesDigest,
    then: () => run('inputChanged'),
  },
  { when: hasSucceeded, then: (facts) => ({ state: 'done', isRefreshed: !isAsListed(facts) }) },
  {
    when: (_, { retryFailed }) => retryFailed,
    then: ({ receipt }) => run('retried', receipt?.attempts),
  },
  {
    when: (facts, rules) => isFinal(facts, rules),
    then: ({ receipt }) => ({ state: 'failed', ...failureOf(receipt) }),
  },
  {
    when: (facts, { now }) => retryAt(facts) > now,
    then: (facts) => {
      const { reason, message } = failureOf(facts.receipt);
      const at = new Date(retryAt(facts)).toISOString();
      return { state: 'waiting', reason, message: `it is tried again after ${at}: ${message}` };
    },
  },
  { when: () => true, then: ({ receipt }) => run('retried', receipt?.attempts) },
];

/** What becomes of an input in this pass. */
export function decideItem(facts: ItemFacts, rules: PassRules): Decision {
  const rule = table.find(({ when }) => when(facts, rules));
  if (rule === undefined) throw new TypeError('no rule applies');
  return rule.then(facts, rules);
}

function hasSucceeded({ receipt }: ItemFacts): boolean {
  return receipt?.state === 'Succeeded';
}

function hasRecipe({ receipt, recipe }: ItemFacts): boolean {
  return receipt?.recipe === recipe;
}

/** The list shows the input as the receipt has it. A receipt without a size or time says nothing of them. */
function isAsListed({ receipt, input }: ItemFacts): boolean {
  if (receipt === undefined || receipt.input.id !== input.id) return false;
  const { updated, size } = receipt.input;
  return isEqual(updated, input.updated) && isEqual(size, input.size);
}

function isEqual<T>(before: T | undefined, now: T | undefined): boolean {
  return before === undefined || now === undefined || before === now;
}

/** A time without a meaning is long past. */
function settlesAt({ input }: ItemFacts, { settleSeconds }: PassRules): number {
  const updated = Date.parse(input.updated ?? '');
  return Number.isNaN(updated) || settleSeconds === 0 ? -Infinity : updated + settleSeconds * 1000;
}

/** Milliseconds. */
const backoff = { first: 30_000, longest: 3_600_000 } as const;

/** When a failed input may be tried again. */
function retryAt({ receipt }: ItemFacts): number {
  const { attempts = 1, finishedAt = '' } = receipt ?? {};
  const finished = Date.parse(finishedAt);
  if (Number.isNaN(finished)) return -Infinity;
  return finished + Math.min(backoff.longest, backoff.first * 2 ** Math.min(30, Math.max(0, attempts - 1)));
}

/** Whether a failure stays until the input or the recipe changes, or retryFailed. */
function isFinal({ receipt }: ItemFacts, { retries, memorySteps }: PassRules): boolean {
  const { reason = '', attempts = 0 } = receipt ?? {};
  if (reason === 'OOMKilled') return attempts > memorySteps;
  return isOfInput(reason) || attempts > retries;
}

/** Another attempt would fail in the same way. */
function isOfInput(reason: string): boolean {
  const { category } = Object.hasOwn(failureReasons, reason)
    ? failureReasons[reason as FailureReason]
    : { category: 'internal' };
  return category === 'target' || category === 'spec' || category === 'deadline';
}

function failureOf(receipt: Receipt | undefined): { readonly reason: string; readonly message: string } {
  return { reason: receipt?.reason ?? 'WorkerFailed', message: receipt?.message ?? '' };
}
