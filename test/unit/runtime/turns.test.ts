import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Turns } from '../../../src/runtime/turns.ts';

test('work of one key is done in turn, also after a failure, and that of others at the same time', async () => {
  const turns = new Turns();
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const work = (name: string, until?: Promise<void>) => async () => {
    order.push(`${name} begins`);
    await until;
    order.push(`${name} ends`);
    return name;
  };
  const all = [
    turns.take('a', work('one', first.promise)).catch(String),
    turns.take('a', work('two')),
    turns.take('b', work('other')),
    turns.take(undefined, work('free')),
  ];
  await Promise.all(all.slice(2));
  assert.equal(
    order,
    ['one begins', 'other begins', 'other ends', 'free begins', 'free ends'].toSorted(byPlace),
  );
  first.reject(new Error('broken'));
  assert.equal(await Promise.all(all), ['Error: broken', 'two', 'other', 'free']);
  assert.equal(order.slice(-2), ['two begins', 'two ends']);

  function byPlace(a: string, b: string): number {
    return order.indexOf(a) - order.indexOf(b);
  }
});

test('a key is free again when its work is done', async () => {
  const turns = new Turns();
  assert.is(await turns.take('a', async () => 1), 1);
  assert.is(await turns.take('a', async () => 2), 2);
});

test.run();
