import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Receipt } from '../../../src/api/set/receipt.ts';
import { decideItem, type ItemFacts, type PassRules } from '../../../src/planner/decide-item.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const rules: PassRules = { now, settleSeconds: 60, retries: 2, memorySteps: 0, retryFailed: false };
const updated = '2026-11-01T00:00:00.000000+00:00';
const input = { id: 'a', updated, size: 3 };

function aReceipt(more: Partial<Receipt> = {}): Receipt {
  return {
    set: 'n/s',
    input: { id: 'a', name: 'x', updated, size: 3, files: [], filesDigest: 'f1' },
    recipe: 'r1',
    digest: 'd',
    state: 'Succeeded',
    attempts: 1,
    image: 'i',
    run: 'n/r',
    version: '1',
    finishedAt: '2026-11-20T11:00:00Z',
    ...more,
  };
}

const facts: ItemFacts = {
  input,
  recipe: 'r1',
  version: '1',
  usesValues: false,
  isVerifyDue: false,
  receipt: aReceipt(),
};
const failed = (reason: string, more: Partial<Receipt> = {}) =>
  aReceipt({ state: 'Failed', reason, message: 'why', ...more });
const later = { ...input, updated: '2026-11-02T00:00:00Z' };
const settling = { ...input, updated: '2026-11-20T11:59:30Z' };
const justNow = '2026-11-20T11:59:50Z';

const rows: readonly {
  readonly what: string;
  readonly facts: Partial<ItemFacts>;
  readonly rules?: Partial<PassRules>;
  readonly is: string;
}[] = [
  { what: 'an excluded input', facts: { exclusion: 'no' }, is: 'excluded' },
  {
    what: 'a result that is not of the set',
    facts: { notOurs: 'it belongs to n/t', receipt: undefined },
    is: 'failed ResultNotOurs',
  },
  { what: 'a result of the same recipe and input', facts: {}, is: 'done' },
  { what: 'a result whose input has just changed', facts: { input: settling }, is: 'unsettled' },
  {
    what: 'a new input that has just changed',
    facts: { receipt: undefined, input: settling },
    is: 'unsettled',
  },
  {
    what: 'a new input in a set that does not wait',
    facts: { receipt: undefined, input: settling },
    rules: { settleSeconds: 0 },
    is: 'run new 0',
  },
  {
    what: 'a result that is newer than the wait',
    facts: {
      input: settling,
      receipt: aReceipt({ input: { ...aReceipt().input, updated: settling.updated } }),
    },
    is: 'done',
  },
  { what: 'an input without a receipt', facts: { receipt: undefined }, is: 'run new 0' },
  {
    what: 'another input of the same name',
    facts: { input: { ...input, id: 'b' } },
    is: 'run inputChanged 0',
  },
  { what: 'another version', facts: { recipe: 'r2', version: '2' }, is: 'run versionChanged 0' },
  { what: 'another template', facts: { recipe: 'r2' }, is: 'run templateChanged 0' },
  {
    what: 'a value that the template uses',
    facts: { recipe: 'r2', usesValues: true, input: later },
    is: 'run inputChanged 0',
  },
  {
    what: 'a path that the template uses, in a folder that was renamed',
    facts: { recipe: 'r2', usesValues: true, hasMoved: true },
    is: 'run inputChanged 0',
  },
  {
    what: 'a template with values that did not change',
    facts: { recipe: 'r2', usesValues: true },
    is: 'run templateChanged 0',
  },
  { what: 'a changed time', facts: { input: later }, is: 'look' },
  { what: 'a changed size', facts: { input: { ...input, size: 4 } }, is: 'look' },
  {
    what: 'a changed time with the same files',
    facts: { input: later, filesDigest: 'f1' },
    is: 'done refreshed',
  },
  {
    what: 'a changed time with other files',
    facts: { input: later, filesDigest: 'f2' },
    is: 'run inputChanged 0',
  },
  { what: 'a result to verify', facts: { isVerifyDue: true }, is: 'look' },
  { what: 'a verified result', facts: { isVerifyDue: true, filesDigest: 'f1' }, is: 'done' },
  {
    what: 'a result to verify whose file was replaced',
    facts: { isVerifyDue: true, filesDigest: 'f2' },
    is: 'run inputChanged 0',
  },
  { what: 'a failed target', facts: { receipt: failed('TargetFailed') }, is: 'failed TargetFailed' },
  {
    what: 'a failed target, whatever is to verify',
    facts: { receipt: failed('TargetFailed'), isVerifyDue: true },
    is: 'failed TargetFailed',
  },
  {
    what: 'a failed target and retryFailed',
    facts: { receipt: failed('TargetFailed', { attempts: 3 }) },
    rules: { retryFailed: true },
    is: 'run retried 3',
  },
  {
    what: 'a failed target whose input changed',
    facts: { receipt: failed('TargetFailed'), input: later, filesDigest: 'f2' },
    is: 'run inputChanged 0',
  },
  {
    what: 'a failed target of an older version',
    facts: { receipt: failed('TargetFailed'), recipe: 'r2', version: '2' },
    is: 'run versionChanged 0',
  },
  {
    what: 'an upload that failed an hour ago',
    facts: { receipt: failed('UploadFailed') },
    is: 'run retried 1',
  },
  {
    what: 'an upload that failed just now',
    facts: { receipt: failed('UploadFailed', { finishedAt: justNow }) },
    is: 'waiting UploadFailed',
  },
  {
    what: 'an upload that failed just now and retryFailed',
    facts: { receipt: failed('UploadFailed', { finishedAt: justNow }) },
    rules: { retryFailed: true },
    is: 'run retried 1',
  },
  {
    what: 'an upload that failed twice an hour ago',
    facts: { receipt: failed('UploadFailed', { attempts: 2 }) },
    is: 'run retried 2',
  },
  {
    what: 'an upload that failed too often',
    facts: { receipt: failed('UploadFailed', { attempts: 3 }) },
    is: 'failed UploadFailed',
  },
  { what: 'a lost worker', facts: { receipt: failed('WorkerLost') }, is: 'run retried 1' },
  { what: 'a reason of a later release', facts: { receipt: failed('Whatever') }, is: 'run retried 1' },
  { what: 'a name of Object', facts: { receipt: failed('constructor') }, is: 'run retried 1' },
  { what: 'too little memory', facts: { receipt: failed('OOMKilled') }, is: 'failed OOMKilled' },
  {
    what: 'too little memory, with more to come',
    facts: { receipt: failed('OOMKilled') },
    rules: { memorySteps: 2 },
    is: 'run retried 1',
  },
  {
    what: 'too little memory after the last step',
    facts: { receipt: failed('OOMKilled', { attempts: 3 }) },
    rules: { memorySteps: 2 },
    is: 'failed OOMKilled',
  },
  {
    what: 'a finish without a time',
    facts: { receipt: failed('UploadFailed', { finishedAt: '?' }) },
    is: 'run retried 1',
  },
];

for (const row of rows) {
  test(`${row.what}: ${row.is}`, () => {
    const decision = decideItem({ ...facts, ...row.facts }, { ...rules, ...row.rules });
    assert.is(textOf(decision), row.is);
  });
}

test('the wait doubles with each attempt, up to an hour', () => {
  const decide = (attempts: number, secondsAgo: number) => {
    const finishedAt = new Date(now - secondsAgo * 1000).toISOString();
    const receipt = failed('UploadFailed', { attempts, finishedAt });
    return decideItem({ ...facts, receipt }, { ...rules, retries: 100 }).state;
  };
  for (const [attempts, seconds] of [
    [1, 30],
    [2, 60],
    [3, 120],
    [7, 1920],
    [8, 3600],
    [90, 3600],
  ] as const) {
    assert.is(decide(attempts, seconds - 1), 'waiting', `${attempts}`);
    assert.is(decide(attempts, seconds), 'run', `${attempts}`);
  }
});

function textOf(decision: ReturnType<typeof decideItem>): string {
  const { state } = decision;
  if (state === 'run') return `run ${decision.why} ${decision.attempts}`;
  if (state === 'done') return decision.isRefreshed ? 'done refreshed' : 'done';
  return 'reason' in decision ? `${state} ${decision.reason}` : state;
}

test.run();
