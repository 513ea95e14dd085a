import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { WindowItem } from '../../../src/api/set/window.ts';
import { ask } from '../girder/real-girder.ts';
import { PlannedSet } from './planned-set.ts';

/** Passes over a real Girder: what runs, and why; a simulated worker makes the results. */

test('the first pass offers every input, and the second finds nothing', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const sub = await scratch.folder('sub', sourceId);
  const deep = await scratch.folder('deep', sub);
  for (const name of ['b', 'a', 'B']) await scratch.item(name, [['f', name]], sourceId);
  await scratch.item('c', [['f', 'c']], deep);
  const first = await set.pass();
  assert.equal(first.why, { B: 'new', a: 'new', b: 'new', c: 'new' });
  assert.equal(
    first.offered.map(({ seq }) => seq),
    [1, 2, 3, 4],
  );
  assert.is(first.report.state, 'Done');
  await set.work(first.offered);
  assert.equal(Object.keys(await set.tree()).toSorted(), ['.reports', 'B', 'a', 'b', 'sub/deep/c']);
  const second = await set.pass();
  assert.equal(second.why, {});
  assert.is(second.report.counts.done, 4);
});

test('at the end of a pass that did everything, a second walk finds nothing left to do', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  for (const name of ['a', 'b', 'c']) await scratch.item(name, [['f', name]], sourceId);
  const fails = { b: { reason: 'TargetFailed' } } as const;
  const whole = await set.pass({}, {}, (offered) => set.work(offered, { fails }));
  assert.equal(whole.report.closing, { listed: 3, done: 2, failed: 1, excluded: 0 });
  const { done, failed, total } = await set.notice();
  assert.equal([done, failed, total], [2, 1, 3], 'and shows it in the folder of the results');
  const late = async () => {
    await scratch.item('e', [['f', 'e']], sourceId);
  };
  await scratch.item('d', [['f', 'd']], sourceId);
  const other = await set.pass({}, {}, async (offered) => {
    await set.work(offered);
    await late();
  });
  assert.equal(Object.keys(other.why), ['d']);
  assert.is(other.report.closing, undefined, 'an input that came meanwhile is left to the next pass');
  const watched = await set.pass({ watch: { every: '10m' } }, {}, (offered) => set.work(offered));
  assert.equal([Object.keys(watched.why), watched.report.closing], [['e'], undefined]);
});

test('the folders of the results are created only where an input has to run', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  await scratch.folder('empty', sourceId);
  await scratch.item('a.txt', [], await scratch.folder('other', sourceId));
  const { offered } = await set.pass({ source: { names: ['*.svs'] } });
  assert.is(offered.length, 0);
  const query = { parentType: 'folder', parentId: set.resultsId };
  assert.equal(await ask(scratch.admin, 'GET', ['folder'], query), []);
});

test('names that differ in case, are long, or have slashes, spaces and emoji are inputs with their own results', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const long = 'ä'.repeat(127);
  const names = [
    'A.svs',
    'a.svs',
    'a/b',
    'a\\b',
    long,
    `${long}x`,
    '\u{1F600}',
    '\uFF21',
    'a b',
    '%41',
    '.',
    '..',
    '=1+1',
  ];
  for (const name of names) await scratch.item(name, [['f', name]], sourceId);
  await scratch.item('x', [['f', 'x']], await scratch.folder('fo/ld\u{1F600}er', sourceId));
  const first = await set.pass({ args: ['$(item.path)'] });
  assert.equal(first.offered.map(({ item }) => item.name).toSorted(), [...names, 'x'].toSorted());
  assert.is(
    first.offered.find(({ item }) => item.name === 'x')?.item.values?.['item.path'],
    'fo/ld\u{1F600}er/x',
  );
  await set.work(first.offered);
  const second = await set.pass({ args: ['$(item.path)'] });
  assert.equal(second.why, {});
  assert.is(second.report.counts.done, names.length + 1);
});

test('a name that is longer than any result may have is excluded with a sentence', async () => {
  await using set = await PlannedSet.make();
  await set.scratch.item('a'.repeat(256), [], set.sourceId);
  const pass = await set.pass();
  assert.is(pass.report.counts.excluded, 1);
  assert.match((await set.csv(pass))[0] ?? '', /its name has more than 255 characters/);
});

test('names and where choose the inputs, and the report says why others are excluded', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  for (const name of ['a.svs', 'b.svs', 'c.svs', 'd.txt']) {
    const id = await scratch.item(name, [['f', name]], sourceId);
    const stain = name === 'a.svs' ? 'H&E' : 'PAS';
    if (name !== 'c.svs')
      await ask(scratch.admin, 'PUT', ['item', id], { metadata: JSON.stringify({ stain }) });
  }
  const pass = await set.pass({ source: { names: ['*.svs'], where: "item.meta.stain == 'H&E'" } });
  assert.equal(pass.why, { 'a.svs': 'new' });
  const { listed, todo, excluded } = pass.report.counts;
  assert.equal([listed, todo, excluded], [4, 1, 3]);
  const lines = await set.csv(pass);
  assert.match(lines[0] ?? '', /^a\.svs,[0-9a-f]{24},todo,new,,,$/);
  assert.match(lines[1] ?? '', /^b\.svs,[0-9a-f]{24},excluded,,,where is false for it,$/);
  assert.match(lines[2] ?? '', /^c\.svs,[0-9a-f]{24},excluded,,,where failed for it: No such key: stain,$/);
  assert.match(lines[3] ?? '', /^d\.txt,[0-9a-f]{24},excluded,,,its name matches none of names,$/);
});

test('the report says what became of the inputs that had to run, and which of them did not', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  for (const name of ['a', 'b', 'c', 'd']) await scratch.item(name, [['f', name]], sourceId);
  const failure = { state: 'Failed', reason: 'TargetFailed', message: 'it ended with 3' } as const;
  const work = (offered: readonly WindowItem[]) =>
    set.work(
      offered.filter(({ item }) => item.name !== 'c'),
      { fails: { b: failure } },
    );
  const lines = await set.csv(await set.pass({ retries: 0 }, {}, work));
  assert.match(lines[0] ?? '', /^a,[0-9a-f]{24},done,new,,,[0-9a-f]{24}$/);
  assert.match(lines[1] ?? '', /^b,[0-9a-f]{24},failed,new,TargetFailed,it ended with 3,[0-9a-f]{24}$/);
  assert.match(lines[2] ?? '', /^c,[0-9a-f]{24},todo,new,,,$/);
  assert.is(lines.length, 4);

  const again = await set.csv(await set.pass({ retries: 0, version: '2' }));
  assert.match(again[0] ?? '', /^a,[0-9a-f]{24},todo,versionChanged,,,[0-9a-f]{24}$/);
});

test('a template gets the values of each input, and one without a value is excluded', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const a = await scratch.item(
    'a',
    [
      ['z', '1'],
      ['b', '22'],
    ],
    sourceId,
  );
  await scratch.item('b', [], sourceId);
  await ask(scratch.admin, 'PUT', ['item', a], { metadata: JSON.stringify({ mpp: 0.25 }) });
  const args = ['$(item.file.name)', '$(item.meta.mpp)', '$(item.size)'];
  const pass = await set.pass({ args });
  const values = { 'item.file.name': 'b', 'item.meta.mpp': '0.25', 'item.size': '3' };
  assert.equal(
    pass.offered.map(({ item }) => item.values),
    [values],
  );
  assert.match((await set.csv(pass))[1] ?? '', /it has no file for \$\(item\.file\.name\)/);
  await set.work(pass.offered);
  const before = set.proxy.seen.length;
  const second = await set.pass({ args });
  assert.is(second.report.counts.done, 1);
  const files = set.proxy.seen.slice(before).filter(({ url }) => url.includes(`/item/${a}/files`));
  assert.is(files.length, 0, 'the first file of an unchanged input is that of its receipt');
});

test('what changed within settleSeconds is left for a later pass', async () => {
  await using set = await PlannedSet.make();
  await set.scratch.item('a', [['f', 'x']], set.sourceId);
  const pass = await set.pass({ source: { settleSeconds: 600 } });
  assert.equal([pass.offered.length, pass.report.counts.unsettled], [0, 1]);
});

test('an input whose file or used metadata changed runs again; another edit does not', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const ids = new Map<string, string>();
  for (const name of ['file', 'used', 'edited', 'same']) {
    const id = await scratch.item(name, [['f', name]], sourceId);
    await ask(scratch.admin, 'PUT', ['item', id], { metadata: JSON.stringify({ stain: 'H&E' }) });
    ids.set(name, id);
  }
  const args = ['$(item.meta.stain)'];
  await set.work((await set.pass({ args })).offered);
  await scratch.file(ids.get('file') ?? '', 'g', 'more');
  await ask(scratch.admin, 'PUT', ['item', ids.get('used') ?? ''], { metadata: '{"stain":"PAS"}' });
  await ask(scratch.admin, 'PUT', ['item', ids.get('edited') ?? ''], { description: 'edited' });
  const second = await set.pass({ args });
  assert.equal(second.why, { file: 'inputChanged', used: 'inputChanged' });
  await set.work(second.offered);
  const before = set.proxy.seen.length;
  assert.equal((await set.pass({ args })).why, {});
  const looks = set.proxy.seen
    .slice(before)
    .filter(({ url }) => url.includes(`/item/${ids.get('edited')}/files`));
  assert.is(looks.length, 0, 'the edited input has been looked at once, in the pass before');
});

test('another version or template does all inputs again', async () => {
  await using set = await PlannedSet.make();
  await set.scratch.item('a', [['f', 'x']], set.sourceId);
  await set.work((await set.pass({ version: '1' })).offered);
  assert.equal((await set.pass({ version: '2' })).why, { a: 'versionChanged' });
  assert.equal((await set.pass({ version: '1', args: ['other'] })).why, { a: 'templateChanged' });
  assert.equal((await set.pass({ version: '1' })).why, {});
});

test('a file that was replaced by one of the same size is found when it is verified', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const id = await scratch.item('a', [['f', 'abc']], sourceId);
  await scratch.item('b', [['f', 'abc']], sourceId);
  await set.work((await set.pass()).offered);
  const [file] = (await ask(scratch.admin, 'GET', ['item', id, 'files'])) as { _id: string }[];
  await set.replace(file?._id ?? '', 'xyz');
  assert.equal((await set.pass()).why, {}, 'the lists do not show it');
  const watch = { every: '1s', verifyEvery: '1s' };
  assert.equal((await set.pass({ watch })).why, { a: 'inputChanged' });
});

test('a result that was deleted is made again', async () => {
  await using set = await PlannedSet.make();
  for (const name of ['a', 'b']) await set.scratch.item(name, [['f', name]], set.sourceId);
  await set.work((await set.pass()).offered);
  await ask(set.scratch.admin, 'DELETE', ['item', await set.resultId('a')]);
  assert.equal((await set.pass()).why, { a: 'new' });
});

test('failures are tried again by their cause, and shown by reason', async () => {
  await using set = await PlannedSet.make();
  for (const name of ['a', 'b', 'c', 'd', 'e']) await set.scratch.item(name, [['f', name]], set.sourceId);
  const finishedAt = '2026-01-01T00:00:00Z';
  const target = { reason: 'TargetFailed', message: 'The target exited with code 1.', attempts: 1 };
  const fails = {
    a: target,
    b: target,
    c: { reason: 'UploadFailed', message: 'gone', attempts: 1, finishedAt },
    d: { reason: 'UploadFailed', message: 'gone', attempts: 1 },
  };
  await set.work((await set.pass()).offered, { fails });
  const second = await set.pass();
  assert.equal(second.why, { c: 'retried' });
  assert.is(second.offered[0]?.item.attempts, 1);
  const { done, failed, waiting } = second.report.counts;
  assert.equal([done, failed, waiting], [1, 2, 1]);
  const [group] = second.report.failures;
  assert.equal([group?.reason, group?.count, group?.message], ['TargetFailed', 2, target.message]);
  assert.equal(
    group?.examples.map(({ name }) => name),
    ['a', 'b'],
  );
  const third = await set.pass({}, { retryFailed: true });
  assert.equal(third.why, { a: 'retried', b: 'retried', c: 'retried', d: 'retried' });
});

test.run();
