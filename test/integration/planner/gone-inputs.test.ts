import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RunError } from '../../../src/support/errors.ts';
import { ask } from '../girder/real-girder.ts';
import { PlannedSet } from './planned-set.ts';

/** Inputs that moved, were renamed or deleted, and lists that lack them. */

/** A set with that many inputs `in-00`…, each with its result, and their ids. */
async function aSetWith(count: number): Promise<{ set: PlannedSet; ids: string[] }> {
  const set = await PlannedSet.make();
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const name = `in-${String(index).padStart(2, '0')}`;
    ids.push(await set.scratch.item(name, [['f', name]], set.sourceId));
  }
  await set.work((await set.pass()).offered);
  return { set, ids };
}

test('the results of inputs that moved or were renamed move along, and nothing runs again', async () => {
  const { set, ids } = await aSetWith(3);
  await using _ = set;
  const { scratch, sourceId } = set;
  const [moved = '', renamed = ''] = ids;
  const sub = await scratch.folder('a-sub', sourceId);
  await ask(scratch.admin, 'PUT', ['item', moved], { folderId: await scratch.folder('deep', sub) });
  await ask(scratch.admin, 'PUT', ['item', renamed], { name: 'new name' });
  const before = await set.tree();
  const second = await set.pass();
  assert.equal(second.why, {});
  const after = await set.tree();
  assert.equal(Object.keys(after).toSorted(), ['.reports', 'a-sub/deep/in-00', 'in-02', 'new name']);
  assert.equal(after['a-sub/deep/in-00']?.digest, before['in-00']?.digest);
  const { done, gone } = second.report.counts;
  assert.equal([done, gone], [3, 0]);
  const news = (await set.csv(second)).filter((line) => line.includes(',moved,'));
  assert.match(news.join('\n'), /its input has moved; it has moved to a-sub\/deep\/in-00/);
  assert.equal((await set.pass()).why, {});
});

test('a result takes the new name of its input, whatever else is in the folder that it leaves or comes to', async () => {
  const { set, ids } = await aSetWith(3);
  await using _ = set;
  const { scratch, sourceId } = set;
  const folderId = await scratch.folder('sub', sourceId);
  await scratch.item('in-00', [['f', 'other']], folderId);
  await set.work((await set.pass()).offered);
  for (const update of [{ folderId }, { name: 'in-01' }])
    await ask(scratch.admin, 'PUT', ['item', ids[0] ?? ''], update);
  assert.equal((await set.pass()).why, {});
  const results = await set.tree();
  assert.is(results['sub/in-01']?.input.id, ids[0]);
  const paths = ['.reports', 'in-01', 'in-02', 'sub/in-00', 'sub/in-01'];
  assert.equal(Object.keys(results).toSorted(), paths);
});

test('a renamed folder keeps its results', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const folder = await scratch.folder('z-old', sourceId);
  for (const name of ['a', 'b']) await scratch.item(name, [['f', name]], folder);
  await set.work((await set.pass()).offered);
  await ask(scratch.admin, 'PUT', ['folder', folder], { name: 'a-new' });
  assert.equal((await set.pass()).why, {});
  assert.equal(Object.keys(await set.tree()).toSorted(), ['.reports', 'a-new/a', 'a-new/b']);
});

test('results beside their inputs follow a rename', async () => {
  await using set = await PlannedSet.make();
  const spec = { results: { place: 'Input' } } as const;
  const id = await set.scratch.item('a', [['f', 'x']], set.sourceId);
  await set.work((await set.pass(spec)).offered);
  await ask(set.scratch.admin, 'PUT', ['item', id], { name: 'b' });
  assert.equal((await set.pass(spec)).why, {});
  assert.equal(Object.keys(await set.tree(set.sourceId)).toSorted(), ['.reports.nuclei', 'b', 'b.nuclei']);
});

test('an input that left the source keeps its result', async () => {
  const { set, ids } = await aSetWith(1);
  await using _ = set;
  const elsewhere = await set.scratch.folder('elsewhere');
  await ask(set.scratch.admin, 'PUT', ['item', ids[0] ?? ''], { folderId: elsewhere });
  const second = await set.pass({ results: { whenInputIsGone: 'Delete' } });
  assert.equal([second.report.counts.gone, Object.keys(await set.tree())], [0, ['.reports', 'in-00']]);
});

for (const [whenInputIsGone, isThere, isMarked] of [
  ['Keep', true, false],
  ['Mark', true, true],
  ['Delete', false, false],
] as const) {
  test(`with ${whenInputIsGone}, the result of a deleted input is ${isThere ? 'there' : 'deleted'}${isMarked ? ' and marked' : ''}`, async () => {
    const { set, ids } = await aSetWith(2);
    await using _ = set;
    await ask(set.scratch.admin, 'DELETE', ['item', ids[0] ?? '']);
    for (let pass = 0; pass < 2; pass += 1) {
      const { report, why } = await set.pass({ results: { whenInputIsGone } });
      assert.equal(why, {});
      assert.is(report.counts.gone, isThere || pass === 0 ? 1 : 0);
      const tree = await set.tree();
      assert.is('in-00' in tree, isThere);
      assert.is(tree['in-00']?.inputGoneSince !== undefined, isMarked);
    }
  });
}

test('when more than 5 % of the inputs are gone at once, nothing is done, and a person is asked', async () => {
  const { set, ids } = await aSetWith(15);
  await using _ = set;
  const { scratch } = set;
  for (const id of ids.slice(0, 11)) await ask(scratch.admin, 'DELETE', ['item', id]);
  await scratch.item('new', [['f', 'x']], set.sourceId);
  const results = { whenInputIsGone: 'Delete' } as const;
  const error: unknown = await set.pass({ results }).catch((thrown: unknown) => thrown);
  assert.instance(error, RunError);
  assert.is((error as RunError).reason, 'InputsGone');
  assert.match(
    (error as RunError).message,
    /at least 11 of 15 results no longer exist in Girder, for example that of in-00/,
  );
  assert.is(Object.keys(await set.tree()).length, 16);
  assert.match(String((await set.notice())['message']), /whenInputIsGone to Keep/);
  const kept = await set.pass({ results: { whenInputIsGone: 'Keep' } });
  assert.equal([kept.report.counts.gone, kept.why], [11, { new: 'new' }]);
});

test('a list that lacks inputs deletes nothing', async () => {
  const { set, ids } = await aSetWith(12);
  await using _ = set;
  await using proxy = await set.hiding(ids);
  const hidden = await set.pass({ girder: proxy.girder, results: { whenInputIsGone: 'Delete' } });
  assert.equal([hidden.report.counts.listed, hidden.report.counts.gone], [0, 0]);
  assert.is(Object.keys(await set.tree()).length, 13);
  assert.match(
    (await set.csv(hidden))[0] ?? '',
    /,kept,,,"its input exists, but the list of its folder lacked it",/,
  );
});

test('an input that is there again loses its mark', async () => {
  const { set } = await aSetWith(1);
  await using _ = set;
  const resultId = await set.resultId('in-00');
  const receipt = (await set.tree())['in-00'];
  await set.setReceipt(resultId, { ...receipt, inputGoneSince: '2026-11-01T00:00:00Z' });
  assert.is((await set.pass()).report.counts.done, 1);
  assert.is((await set.tree())['in-00']?.inputGoneSince, undefined);
});

test.run();
