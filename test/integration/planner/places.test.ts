import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RunError } from '../../../src/support/errors.ts';
import { ask } from '../girder/real-girder.ts';
import { PlannedSet } from './planned-set.ts';

/** Where inputs and results are: beside each other, in each other's folders, and of other sets. */

const failureOf = async (pass: Promise<unknown>): Promise<RunError> => {
  const error = await pass.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.instance(error, RunError);
  return error as RunError;
};

test('results beside the inputs are never inputs, whatever the names are', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const names = ['a', 'a!', 'a.', 'a.nucleus', 'b', 'B'];
  for (const name of names) await scratch.item(name, [['f', name]], sourceId);
  await scratch.item('a', [['f', 'x']], await scratch.folder('sub', sourceId));
  const spec = { results: { place: 'Input' } } as const;
  const first = await set.pass(spec);
  assert.equal(
    first.offered.map(({ item }) => item.result.name).toSorted(),
    [...names, 'a'].map((name) => `${name}.nuclei`).toSorted(),
  );
  await set.work(first.offered);
  const second = await set.pass(spec);
  assert.equal(second.why, {});
  assert.equal(
    [second.report.counts.listed, second.report.counts.done],
    [names.length + 1, names.length + 1],
  );
});

test('a result that has no receipt yet is not an input', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  await scratch.item('a', [['f', 'a']], sourceId);
  const claimed = await scratch.item('a.nuclei', [['f', 'a.nuclei']], sourceId);
  await set.setReceipt(claimed, { set: 'pathology/nuclei' });
  assert.equal((await set.pass({ results: { place: 'Input' } })).why, { a: 'new' });
});

test('two sets put their results beside the same inputs', async () => {
  await using set = await PlannedSet.make();
  await set.scratch.item('a', [['f', 'x']], set.sourceId);
  const other = set.other('cells');
  const spec = { results: { place: 'Input' } } as const;
  await set.work((await set.pass(spec)).offered);
  const first = await other.pass(spec);
  assert.equal(
    first.offered.map(({ item }) => item.result.name),
    ['a.cells'],
  );
  await other.work(first.offered);
  for (const one of [set, other]) assert.equal((await one.pass(spec)).report.counts.done, 1);
});

test('folders with items are inputs as a whole', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const patient = await scratch.folder('patient', sourceId);
  for (const name of ['case-1', 'case-2']) {
    const folder = await scratch.folder(name, patient);
    await scratch.item('slice', [['f', name]], await scratch.folder('inner', folder));
    await scratch.item('slice', [['f', name]], folder);
  }
  await scratch.folder('empty', patient);
  const spec = { source: { each: 'Folder' } } as const;
  const first = await set.pass(spec);
  assert.equal(first.why, { 'case-1': 'new', 'case-2': 'new' });
  await set.work(first.offered);
  assert.equal(Object.keys(await set.tree()).toSorted(), ['.reports', 'patient/case-1', 'patient/case-2']);
  const case2 = first.offered[1]?.item.id ?? '';
  await scratch.item('another', [['f', 'longer']], case2);
  assert.equal((await set.pass(spec)).why, { 'case-2': 'inputChanged' });
});

test('what changes in the folders of an input is found when the files of the input are looked at', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const folder = await scratch.folder('case', sourceId);
  const inner = await scratch.folder('inner', folder);
  await scratch.item('slice', [['f', 'x']], folder);
  const spec = { source: { each: 'Folder' } } as const;
  await set.work((await set.pass(spec)).offered);
  await scratch.item('slice', [['f', 'x']], inner);
  assert.equal((await set.pass(spec)).why, {});
  const verified = await set.pass({ ...spec, watch: { every: '10m', verifyEvery: '1s' } });
  assert.equal(verified.why, { case: 'inputChanged' });
});

test('folders may have their results beside them', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  for (const name of ['case-1', 'case-1!'])
    await scratch.item('slice', [['f', name]], await scratch.folder(name, sourceId));
  const spec = { source: { each: 'Folder' }, results: { place: 'Input' } } as const;
  const first = await set.pass(spec);
  assert.equal(first.offered.map(({ item }) => item.result.name).toSorted(), [
    'case-1!.nuclei',
    'case-1.nuclei',
  ]);
  await set.work(first.offered);
  const second = await set.pass(spec);
  assert.equal([second.offered.length, second.report.counts.done], [0, 2]);
});

test('a folder that has only results of the folders in it does not become an input', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const patient = await scratch.folder('patient', sourceId);
  for (const name of ['case-1', 'case-2'])
    await scratch.item('slice', [['f', name]], await scratch.folder(name, patient));
  const spec = { source: { each: 'Folder' }, results: { place: 'Input' } } as const;
  await set.work((await set.pass(spec)).offered);
  const second = await set.pass(spec);
  assert.equal([second.why, second.report.counts.done], [{}, 2]);
  await scratch.item('zzz', [['f', 'x']], patient);
  assert.equal((await set.pass(spec)).why, { patient: 'new' });
});

test('results in a folder below the source are not inputs', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  await scratch.item('a', [['f', 'x']], sourceId);
  const inside = set.other('nuclei', [sourceId, await scratch.folder('Results', sourceId)]);
  await inside.work((await inside.pass()).offered);
  await scratch.item('notes', [['f', 'x']], inside.resultsId);
  const second = await inside.pass();
  assert.equal([second.offered.length, second.report.counts.listed], [0, 1]);
});

test('the source may be below the results', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const inner = await scratch.folder('In', sourceId);
  await scratch.item('a', [['f', 'x']], await scratch.folder('sub', inner));
  const outside = set.other('nuclei', [inner, sourceId]);
  await outside.work((await outside.pass()).offered);
  const second = await outside.pass();
  assert.equal([second.offered.length, second.report.counts.listed, second.report.counts.gone], [0, 1, 0]);
});

test('the results cannot be in the folder of the inputs itself', async () => {
  await using set = await PlannedSet.make();
  const failure = await failureOf(set.other('nuclei', [set.sourceId, set.sourceId]).pass());
  assert.is(failure.reason, 'InvalidSpec');
  assert.match(failure.message, /^spec\.results\.folder is the folder of the inputs/);
});

test('a folder of results belongs to one set', async () => {
  await using set = await PlannedSet.make();
  await set.scratch.item('a', [], set.sourceId);
  await set.pass();
  const failure = await failureOf(set.other('cells').pass());
  assert.is(failure.reason, 'ResultNotOurs');
  assert.match(
    failure.message,
    /belongs to the DockerRunSet pathology\/nuclei, as its metadata dockerrun says/,
  );
  assert.is((await set.pass()).report.state, 'Done');
});

test('a single result of another set fails its input, and is left alone', async () => {
  await using set = await PlannedSet.make();
  for (const name of ['a', 'b']) await set.scratch.item(name, [['f', name]], set.sourceId);
  const { offered } = await set.pass();
  await set.other('cells').work(offered.slice(0, 1));
  const second = await set.pass();
  assert.equal(second.why, { b: 'new' });
  assert.equal(
    second.report.failures.map(({ reason, count }) => [reason, count]),
    [['ResultNotOurs', 1]],
  );
  assert.match(
    (await set.csv(second))[0] ?? '',
    /^a,.*,failed,,ResultNotOurs,the result at its place belongs to the DockerRunSet pathology\/cells,/,
  );
});

test('an item that names no set fails its input if it has files, and a claimed one is used', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId, resultsId } = set;
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await scratch.item(name, [['f', name]], sourceId);
  await scratch.item('a', [['copy', 'mine']], resultsId);
  await scratch.item('b', [['empty', '']], resultsId);
  await scratch.item('c', [], resultsId);
  const marked = async (name: string, value: unknown) =>
    set.setReceipt(await scratch.item(name, [['copy', name]], resultsId), value);
  await marked('d', { state: 'Succeeded' });
  await marked('e', { set: 'pathology/cells' });
  await marked('f', { set: 'pathology/nuclei', state: '?' });
  const pass = await set.pass();
  assert.equal(pass.why, { c: 'new', f: 'new' });
  assert.equal(
    pass.report.failures.map(({ reason, count }) => [reason, count]),
    [['ResultNotOurs', 4]],
  );
});

test('folders may be given by their paths, and that of the results is created', async () => {
  await using set = await PlannedSet.make();
  await set.scratch.item('a', [['f', 'x']], set.sourceId);
  const path = `/user/admin/Private/${set.scratch.name}`;
  const source = { folder: { path: `${path}/In` } };
  const results = (createFolder: boolean) => ({ createFolder, folder: { path: `${path}/New/Deep` } });
  const failure = await failureOf(set.pass({ source, results: results(false) }));
  assert.is(failure.reason, 'GirderNotFound');
  assert.match(failure.message, /^spec\.results\.folder: .*New\/Deep does not exist/);
  assert.equal((await set.pass({ source, results: results(true) })).why, { a: 'new' });
  const query = { parentType: 'folder', parentId: set.scratch.folderId, name: 'New' };
  assert.is(((await ask(set.scratch.admin, 'GET', ['folder'], query)) as unknown[]).length, 1);
});

test('a source that does not exist fails the pass with a sentence', async () => {
  await using set = await PlannedSet.make();
  const failure = await failureOf(set.other('nuclei', ['5f0c00000000000000000000', set.resultsId]).pass());
  assert.is(failure.reason, 'GirderNotFound');
});

test.run();
