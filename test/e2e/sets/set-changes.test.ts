import * as assert from 'uvu/assert';
import { test } from '../../fixtures/suite.ts';
import { filesOf, girder } from '../support/girder.ts';
import { inputs, SetLab, type StoredSet } from './set-lab.ts';

let lab: SetLab;
const count = 20;

test.before(async () => {
  lab = await SetLab.open('set-changes');
  await lab.addInputs(inputs(count));
  await lab.apply('kept', { watch: { every: '2s', verifyEvery: '1s' }, chunk: { items: 10 } });
  await lab.until('kept', 'has done all', ({ status }) => status.items?.done === count && isIdle({ status }));
});
test.after(() => lab.close());

/** A pass that found nothing to do has ended. */
const isIdle = ({ status }: Pick<StoredSet, 'status'>) =>
  status.phase === 'Idle' && status.pass?.todo === 0 && status.pass.finishTime !== undefined;

/** Waits until a pass that started after the call found nothing to do, and returns what was done since. */
async function settled(change: () => Promise<void>): Promise<string[]> {
  const before = await finishTimes();
  await change();
  const { status } = await lab.get('kept');
  const first = (status.pass?.number ?? 0) + 1;
  await lab.until(
    'kept',
    'has nothing to do',
    (set) => (set.status.pass?.number ?? 0) > first && isIdle(set),
  );
  const after = await finishTimes();
  return [...after].flatMap(([path, time]) => (before.get(path) === time ? [] : [path])).toSorted();
}

async function finishTimes(): Promise<Map<string, string>> {
  const items = await lab.resultItems();
  return new Map([...items].map(([path, { receipt }]) => [path, receipt?.finishedAt ?? '']));
}

test('what is added is done, and nothing else', async () => {
  const added = inputs(2, 'later');
  assert.equal(await settled(() => lab.addInputs(added)), [...added.keys()].toSorted());
});

test('an input whose file was replaced by one of the same size is done again', async () => {
  const path = 'case-0000/slide-0003.txt';
  const done = await settled(async () => {
    const [file] = await filesOf(await lab.input(path));
    const text = Buffer.from('TEXT OF CASE 3'.toLowerCase().replace('3', '4'));
    const upload = await girder<{ _id: string }>('PUT', `file/${file?._id}/contents?size=${text.length}`);
    await girder('POST', `file/chunk?uploadId=${upload._id}&offset=0`, text);
  });
  assert.equal(done, [path]);
  const result = (await lab.resultItems()).get(path);
  assert.is(await lab.textOf(result?.id ?? '', 'upper.txt'), 'TEXT OF CASE 4');
});

test('a deleted result is made again', async () => {
  const path = 'case-0001/slide-0011.txt';
  const done = await settled(async () => {
    await girder('DELETE', `item/${(await lab.resultItems()).get(path)?.id}`);
  });
  assert.equal(done, [path]);
});

test('the result of a moved input moves along, and is not made again', async () => {
  const before = (await lab.resultItems()).get('case-0000/slide-0001.txt');
  const done = await settled(async () => {
    const to = await lab.sourceFolder('moved');
    await girder('PUT', `item/${await lab.input('case-0000/slide-0001.txt')}?folderId=${to}`);
  });
  assert.equal(done, ['moved/slide-0001.txt']);
  const after = (await lab.resultItems()).get('moved/slide-0001.txt');
  assert.is(after?.id, before?.id);
  assert.is(after?.receipt?.finishedAt, before?.receipt?.finishedAt);
});

test('the result of a deleted input is kept and marked', async () => {
  const path = 'case-0000/slide-0002.txt';
  await settled(async () => void (await girder('DELETE', `item/${await lab.input(path)}`)));
  const result = (await lab.resultItems()).get(path);
  assert.match(result?.receipt?.inputGoneSince ?? '', /^20\d\d-/);
});

test('a new version does every input again', async () => {
  const done = await settled(() => lab.patch('kept', { version: '2' }));
  assert.is(done.length, count + 1);
  assert.is((await lab.resultItems()).get('case-0001/slide-0011.txt')?.receipt?.version, '2');
});

test.run();
