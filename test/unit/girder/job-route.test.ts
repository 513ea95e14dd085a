import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AdaptiveTimeout } from '../../../src/girder/job/route.ts';

const bounds = { shortest: 3_000, longest: 30_000 };

test('the first response may take the longest time', () => {
  assert.is(new AdaptiveTimeout(bounds).next, 30_000);
});

test('after a quick response the next may take the shortest time', () => {
  const timeout = new AdaptiveTimeout(bounds);
  timeout.responded(20);
  assert.is(timeout.next, 3_000);
});

test('a slow server gets four times its last response time, up to the longest time', () => {
  const timeout = new AdaptiveTimeout(bounds);
  timeout.responded(2_000);
  assert.is(timeout.next, 8_000);
  timeout.responded(12_000);
  assert.is(timeout.next, 30_000);
});

test('each timeout doubles the time until a response comes', () => {
  const timeout = new AdaptiveTimeout(bounds);
  timeout.responded(20);
  const seen = [1, 2, 3, 4, 5].map(() => {
    timeout.timedOut();
    return timeout.next;
  });
  assert.equal(seen, [6_000, 12_000, 24_000, 30_000, 30_000]);
  timeout.responded(20);
  assert.is(timeout.next, 3_000);
});

test('a timeout before the first response changes nothing', () => {
  const timeout = new AdaptiveTimeout(bounds);
  timeout.timedOut();
  assert.is(timeout.next, 30_000);
});

test.run();
