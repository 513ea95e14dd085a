import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ForEachItem } from '../../../src/api/for-each.ts';
import { maxWindowBytes, maxWindowItems, parsePlannerReport } from '../../../src/api/set/window.ts';
import { LivePlan } from '../../../src/planner/live-plan.ts';
import { OpenWindow } from '../../../src/planner/open-window.ts';

const never = new AbortController().signal;
const recipe = '0'.repeat(64);
const item = (name: string, values: ForEachItem['values'] = {}): ForEachItem => ({
  id: '5f0c00000000000000000000',
  name,
  recipe,
  values,
  result: { folderId: '5f0c00000000000000000001', name },
});

test('inputs are numbered from 1, and acknowledged ones are forgotten', async () => {
  const window = new OpenWindow();
  for (const name of ['a', 'b', 'c']) await window.add('new', item(name), never);
  window.acknowledge(2);
  assert.equal(
    window.first().map(({ seq, item: { name } }) => [seq, name]),
    [[3, 'c']],
  );
  window.acknowledge(1);
  assert.is(window.first().length, 1);
});

test('a number that no input has acknowledges nothing', async () => {
  const window = new OpenWindow();
  await window.add('new', item('a'), never);
  for (const seq of [2, -1, Number.NaN, 0.5, Infinity]) window.acknowledge(seq);
  assert.is(window.first().length, 1);
});

test('a full window waits until inputs are acknowledged, or for the signal', async () => {
  const window = new OpenWindow();
  for (let count = 0; count < maxWindowItems; count += 1) await window.add('new', item('a'), never);
  let isAdded = false;
  const added = window.add('new', item('b'), never).then(() => (isAdded = true));
  await Promise.resolve();
  assert.not.ok(isAdded);
  assert.is(window.first().length, maxWindowItems);
  window.acknowledge(1);
  await added;
  const stop = new AbortController();
  const waiting = window.add('new', item('c'), stop.signal).catch((error: unknown) => error);
  stop.abort(new Error('stopped'));
  assert.match(String(await waiting), 'stopped');
});

test('an answer of the largest inputs stays within the bound that the controller reads', async () => {
  const live = new LivePlan();
  const values = Object.fromEntries(
    Array.from({ length: 8 }, (_, n) => [`item.meta.k${n}`, '\u{1F600}'.repeat(2_000)]),
  );
  for (let count = 0; count < maxWindowItems; count += 1)
    await live.window.add('new', item('é'.repeat(255), values), never);
  for (let count = 0; count < 40; count += 1) {
    const name = '\u{1F600}'.repeat(300);
    for (let example = 0; example < 5; example += 1) {
      live.failures.add({
        reason: `Reason${count}${'x'.repeat(200)}`,
        message: '\u{1F600}'.repeat(1_000),
        itemId: 'i',
        name,
      });
    }
  }
  live.cursor = '\u{1F600}'.repeat(3_000);
  live.end = { reason: 'InputsGone', message: '\u{1F600}'.repeat(3_000) };
  const body = JSON.stringify(live.snapshot('pod', 3));
  assert.ok(Buffer.byteLength(body) <= maxWindowBytes, `${Buffer.byteLength(body)}`);
  const report = parsePlannerReport(body, 'pod');
  assert.ok(report !== undefined && report.items.length > 0 && report.items.length < maxWindowItems);
  assert.is(report.failures.length, 16);
  assert.is(
    report.failures.reduce((sum, { count }) => sum + count, 0),
    200,
  );
});

test.run();
