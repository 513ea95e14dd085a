import * as assert from 'uvu/assert';
import { test } from '../../fixtures/suite.ts';
import { filesOf, girder } from '../support/girder.ts';
import { inputs, type ResultItem, SetLab, type StoredSet } from './set-lab.ts';

let lab: SetLab;
const count = 20;

const added = inputs(2, 'later');
const replaced = 'case-0000/slide-0003.txt';
const withoutResult = 'case-0001/slide-0011.txt';
const deleted = 'case-0000/slide-0002.txt';
const [from, to] = ['case-0000/slide-0001.txt', 'moved/slide-0001.txt'];

/** The results before and after all the changes, which one pass finds, and what was done in between. */
let before: ReadonlyMap<string, ResultItem>;
let after: ReadonlyMap<string, ResultItem>;
let done: string[];

test.before(async () => {
  lab = await SetLab.open('set-changes');
  await lab.addInputs(inputs(count));
  await lab.apply('kept', { watch: { every: '2s', verifyEvery: '1s' }, chunk: { items: 10 } });
  await lab.until('kept', 'has done all', ({ status }) => status.items?.done === count && isIdle({ status }));
  before = await lab.resultItems();
  done = await settled(async () => {
    await Promise.all([
      lab.addInputs(added),
      replace(replaced, 'text of case 4'),
      girder('DELETE', `item/${before.get(withoutResult)?.id}`),
      move(from, 'moved'),
      lab.input(deleted).then((item) => girder('DELETE', `item/${item}`)),
    ]);
  });
  after = await lab.resultItems();
});
test.after(() => lab.close());

/** Replaces the bytes of the file of an input. */
async function replace(path: string, text: string): Promise<void> {
  const [file] = await filesOf(await lab.input(path));
  const bytes = Buffer.from(text);
  const upload = await girder<{ _id: string }>('PUT', `file/${file?._id}/contents?size=${bytes.length}`);
  await girder('POST', `file/chunk?uploadId=${upload._id}&offset=0`, bytes);
}

async function move(path: string, folder: string): Promise<void> {
  const [item, folderId] = [await lab.input(path), await lab.sourceFolder(folder)];
  await girder('PUT', `item/${item}?folderId=${folderId}`);
}

/** A pass that found nothing to do has ended. */
const isIdle = ({ status }: Pick<StoredSet, 'status'>) =>
  status.phase === 'Idle' && status.pass?.todo === 0 && status.pass.finishTime !== undefined;

/** Waits until a pass that started after the call found nothing to do, and returns what was done since. */
async function settled(change: () => Promise<void>): Promise<string[]> {
  const earlier = await finishTimes();
  await change();
  const { status } = await lab.get('kept');
  const first = (status.pass?.number ?? 0) + 1;
  await lab.until(
    'kept',
    'has nothing to do',
    (set) => (set.status.pass?.number ?? 0) > first && isIdle(set),
  );
  const later = await finishTimes();
  return [...later].flatMap(([path, time]) => (earlier.get(path) === time ? [] : [path])).toSorted();
}

async function finishTimes(): Promise<Map<string, string>> {
  const items = await lab.resultItems();
  return new Map([...items].map(([path, { receipt }]) => [path, receipt?.finishedAt ?? '']));
}

test('what is added, replaced, moved or has lost its result is done, and nothing else', () => {
  assert.equal(done, [...added.keys(), replaced, withoutResult, to].toSorted());
});

test('an input whose file was replaced by one of the same size is done again', async () => {
  assert.is(await lab.textOf(after.get(replaced)?.id ?? '', 'upper.txt'), 'TEXT OF CASE 4');
});

test('a deleted result is made again', async () => {
  const result = after.get(withoutResult);
  assert.is.not(result?.id, before.get(withoutResult)?.id);
  assert.is(await lab.textOf(result?.id ?? '', 'upper.txt'), 'TEXT OF CASE 11');
});

test('the result of a moved input moves along, and is not made again', () => {
  assert.is(after.get(to)?.id, before.get(from)?.id);
  assert.is(after.get(to)?.receipt?.finishedAt, before.get(from)?.receipt?.finishedAt);
  assert.not.ok(after.has(from));
});

test('the result of a deleted input is kept and marked', () => {
  assert.match(after.get(deleted)?.receipt?.inputGoneSince ?? '', /^20\d\d-/);
  assert.is(after.get(deleted)?.id, before.get(deleted)?.id);
});

test('a new version does every input again', async () => {
  const again = await settled(() => lab.patch('kept', { version: '2' }));
  assert.is(again.length, count + 1);
  assert.is((await lab.resultItems()).get(withoutResult)?.receipt?.version, '2');
});

test.run();
