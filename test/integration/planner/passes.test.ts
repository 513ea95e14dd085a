import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlannedSet } from './planned-set.ts';

test('the first pass offers every input, and the second finds nothing with few requests', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const sub = await scratch.folder('sub', sourceId);
  for (const name of ['b', 'a', 'B']) await scratch.item(name, [['f', name]], sourceId);
  await scratch.item('c', [['f', 'c']], sub);
  const first = await set.pass();
  assert.equal(first.why, { B: 'new', a: 'new', b: 'new', c: 'new' });
  assert.equal(
    first.offered.map(({ seq }) => seq),
    [1, 2, 3, 4],
  );
  assert.is(first.report.state, 'Done');
  await set.work(first.offered);
  assert.equal(Object.keys(await set.tree()).toSorted(), ['.reports', 'B', 'a', 'b', 'sub/c']);
  const second = await set.pass();
  assert.equal(second.why, {});
  assert.is(second.report.counts.done, 4);
  assert.equal(
    (await set.csv(second)).map((line) => line.split(',')[2]),
    ['done', 'done', 'done', 'done'],
  );
});
test.run();
