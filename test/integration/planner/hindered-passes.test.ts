import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Effect } from '../../fixtures/fault-proxy.ts';
import { ask } from '../girder/real-girder.ts';
import { PlannedSet } from './planned-set.ts';

/** Passes over a Girder that fails on the way, or whose folders change while they are listed. */

const folders = ['a', 'b', 'c'] as const;
const names = folders.flatMap((folder) => [`${folder}-1`, `${folder}-2`]);

/** A set with two inputs in each folder, and the ids of the folders. */
async function aSetOfFolders(): Promise<{ set: PlannedSet; ids: Readonly<Record<string, string>> }> {
  const set = await PlannedSet.make();
  const ids: Record<string, string> = {};
  for (const folder of folders) {
    const id = await set.scratch.folder(folder, set.sourceId);
    ids[folder] = id;
    for (const number of [1, 2])
      await set.scratch.item(`${folder}-${number}`, [['f', `${folder}${number}`]], id);
  }
  return { set, ids };
}

const results = names.map((name) => `${name.slice(0, 1)}/${name}`);

const at = { status: 429, headers: { 'retry-after': '0' } } as const satisfies Effect;

for (const [kind, faults] of [
  ['is overloaded', [at, { status: 503, headers: { 'retry-after': '0' } }]],
  ['fails, and sends half of an answer', [{ status: 500 }, { cutAnswerAfter: 20 }]],
  ['restarts, and loses answers', [{ loseAnswer: true }, { cutRequestAfter: 0, reset: false }]],
] as const satisfies [string, Effect[]][]) {
  test(`every input is offered once, and has one result, by a pass whose Girder ${kind}`, async () => {
    const { set } = await aSetOfFolders();
    await using _ = set;
    const everywhere = [
      ['GET', '/item?'],
      ['GET', '/folder?'],
      ['POST', '/folder'],
      ['PUT', `/folder/${set.resultsId}`],
    ] as const;
    for (const [index, [method, part]] of everywhere.entries())
      set.proxy.fail(method, part, faults[index % faults.length] ?? at);
    const { report, offered } = await set.pass({}, {}, (all) => set.work(all));
    set.proxy.heal();
    assert.is(report.state, 'Done', report.message);
    assert.equal(
      offered.map(({ item }) => item.name),
      names,
    );
    assert.equal(Object.keys(await set.tree()).toSorted(), ['.reports', ...results]);
    assert.equal((await set.pass()).why, {});
  });
}

test('a folder that is renamed while its inputs are listed loses none of them, and its results follow', async () => {
  const { set, ids } = await aSetOfFolders();
  await using _ = set;
  const { admin } = set.scratch;
  for (const [during, rename, name] of [
    [ids['a'], ids['b'], 'z-b'],
    [ids['c'], ids['c'], 'a-c'],
  ] as const) {
    const first = () => ask(admin, 'PUT', ['folder', rename ?? ''], { name });
    set.proxy.fail('GET', `folderId=${during}`, { first });
  }
  const first = await set.pass();
  await set.work(first.offered);
  const offered = first.offered.map(({ item }) => item.name);
  assert.is(new Set(offered).size, offered.length, offered.join(', '));
  const second = await set.pass();
  await set.work(second.offered);
  const again = second.offered.map(({ item }) => item.name);
  assert.equal([...offered, ...again].toSorted(), names);
  assert.equal((await set.pass()).why, {});
  const expected = ['a/a-1', 'a/a-2', 'a-c/c-1', 'a-c/c-2', 'z-b/b-1', 'z-b/b-2'];
  assert.equal(Object.keys(await set.tree()).toSorted(), ['.reports', ...expected].toSorted());
});

test.run();
