import * as assert from 'uvu/assert';
import { test } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import type { StartedTargets } from '../../integration/worker/crash/started-targets.ts';
import { girder } from '../support/girder.ts';
import { followTargets, inputs, SetLab } from './set-lab.ts';

/** More by hand: 2,000 take about half an hour on two processors. */
const count = Number(process.env['DOCKERRUN_TEST_SET_ITEMS'] ?? 60);

let lab: SetLab;
let targets: StartedTargets;
const texts = inputs(count);

test.before(async () => {
  lab = await SetLab.open('whole-set');
  targets = await followTargets();
  await lab.addInputs(texts);
});
test.after(async () => {
  targets[Symbol.dispose]();
  await lab.close();
});

test('a set makes a result of each input, byte by byte, with one receipt each', async () => {
  await lab.apply('whole', { parallelism: 4, canary: 2, chunk: { items: 10 } });
  const { status } = await lab.inPhase('whole', 'Complete');
  assert.equal({ seen: status.items?.seen, done: status.items?.done }, { seen: count, done: count });
  await lab.expectUpperCase(texts);
  for (const [path, { receipt }] of await lab.resultItems()) assert.is(receipt?.attempts, 1, path);
});

test('as many targets have started as there are inputs', () => {
  assert.is(targets.startsIn(lab.lab.namespace).length, count);
});

test('the status is small, and the chunks that succeeded are gone', async () => {
  const set = await lab.get('whole');
  assert.ok(Buffer.byteLength(JSON.stringify(set.status)) < 16 * 1024);
  const isEmpty = (chunks: readonly unknown[]) => chunks.length === 0;
  await until('no chunk is left', () => lab.chunks('whole'), { holds: isEmpty, withinMs: 60_000 });
});

test('the output of the target is in each result item, and the report of the pass lists every input', async () => {
  const [first] = (await lab.resultItems()).values();
  assert.is(await lab.textOf(first?.id ?? '', 'log.txt'), `${first?.path.split('/').at(-1)}\n`);
  const { status } = await lab.get('whole');
  const { itemId = '', name = '' } = status.report ?? {};
  const lines = (await lab.textOf(itemId, name)).trim().split(/\r?\n/);
  assert.is(lines.length, count + 1);
});

test('kubectl shows a set in a line, and explains its fields', async () => {
  const line = await lab.lab.kubectl('get', 'drset', 'whole', '--no-headers');
  assert.match(line, new RegExp(`whole +Complete +${count}/${count}`));
  assert.match(await lab.lab.kubectl('explain', 'drset.spec.failureBudget'), /percent/);
});

test('the metadata of the results folder shows how far the set is', async () => {
  type Folder = { meta?: { dockerrun?: { done?: number; total?: number } } };
  const { meta } = await girder<Folder>('GET', `folder/${lab.results}`);
  assert.is(meta?.dockerrun?.done, count);
});

test.run();
