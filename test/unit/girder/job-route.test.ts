import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AdaptiveTimeout } from '../../../src/girder/job/route.ts';

const bounds = { shortest: 3_000, longest: 30_000 };

test('the first answer may take the longest time', () => {
  assert.is(new AdaptiveTimeout(bounds).within, 30_000);
});

test('after a quick answer the next may take the shortest time', () => {
  const timeout = new AdaptiveTimeout(bounds);
  timeout.answered(20);
  assert.is(timeout.within, 3_000);
});

test('a slow server is given four times what it took, up to the longest time', () => {
  const timeout = new AdaptiveTimeout(bounds);
  timeout.answered(2_000);
  assert.is(timeout.within, 8_000);
  timeout.answered(12_000);
  assert.is(timeout.within, 30_000);
});

test('each timeout doubles the time, until an answer comes', () => {
  const timeout = new AdaptiveTimeout(bounds);
  timeout.answered(20);
  const seen = [1, 2, 3, 4, 5].map(() => {
    timeout.timedOut();
    return timeout.within;
  });
  assert.equal(seen, [6_000, 12_000, 24_000, 30_000, 30_000]);
  timeout.answered(20);
  assert.is(timeout.within, 3_000);
});

test('a timeout before the first answer changes nothing', () => {
  const timeout = new AdaptiveTimeout(bounds);
  timeout.timedOut();
  assert.is(timeout.within, 30_000);
});

test.run();
