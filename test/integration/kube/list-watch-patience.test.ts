import { mock } from 'node:test';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { anObject, WatchServer } from './watch-server.ts';
import { Watched } from './watched.ts';

const test = suite('patience');
const path = '/api/v1/configmaps';

// The longest wait that the jitter allows, so that waits can be compared.
test.before.each(() => void mock.method(Math, 'random', () => 1 - Number.EPSILON));
test.after.each(() => mock.restoreAll());

/** The second wait is at most 800 ms, twice the first one; timers may fire a little early. */
const grownMs = 1_590;

/** The milliseconds between `count` requests; `answer` answers one and returns when it arrived. */
async function waits(count: number, answer: () => Promise<number>) {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) times.push(await answer());
  return times.slice(1).map((time, index) => Math.round(time - (times[index] ?? 0)));
}

test('each list that fails makes the next wait longer', async () => {
  await using server = await WatchServer.start();
  await using _ = new Watched(server.connection, path);
  const [first = 0, second = 0] = await waits(3, async () => {
    const exchange = await server.nextList();
    exchange.refuse(500, 'InternalError');
    return exchange.at;
  });
  assert.ok(second >= grownMs, `waited ${first} ms, then ${second} ms`);
});

test('each watch that fails makes the next wait longer', async () => {
  await using server = await WatchServer.start();
  await using _ = new Watched(server.connection, path);
  (await server.nextList()).list(10, [anObject('a', 5)]);
  const [first = 0, second = 0] = await waits(3, async () => {
    const exchange = await server.nextWatch();
    exchange.refuse(500, 'InternalError');
    return exchange.at;
  });
  assert.ok(second >= grownMs, `waited ${first} ms, then ${second} ms`);
});

test('a server that ends every watch at once is not asked hundreds of times a second', async () => {
  await using server = await WatchServer.start();
  await using _ = new Watched(server.connection, path);
  (await server.nextList()).list(10, [anObject('a', 5)]);
  const start = performance.now();
  let count = 0;
  for (; count < 50 && performance.now() - start < 2_000; count += 1)
    (await server.nextWatch()).stream().end();
  const took = Math.round(performance.now() - start);
  assert.ok(count < 50, `${count} watches in ${took} ms`);
});

test.run();
