import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { backoffMs } from '../../../src/support/backoff.ts';

const options = { firstMs: 200, maxMs: 60_000 };
const longest = () => 1 - Number.EPSILON;
const shortest = () => 0;

test('the longest wait doubles with each failure up to the maximum', () => {
  const waits = [0, 1, 2, 3].map((failures) => backoffMs(failures, options, longest));
  assert.equal(waits, [200, 400, 800, 1600]);
  assert.is(backoffMs(9, options, longest), 60_000);
});

test('the shortest wait is half of firstMs', () => {
  for (const failures of [0, 1, 20]) assert.is(backoffMs(failures, options, shortest), 100);
});

test('every wait is a whole number within its bounds, even after thousands of failures', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.nat(10_000), chance, (failures, random) => {
      const wait = backoffMs(failures, options, () => random);
      assert.ok(Number.isInteger(wait) && wait >= options.firstMs / 2 && wait <= options.maxMs, String(wait));
    }),
  );
});

test('without randomness every wait is the longest one', () => {
  const waits = [0, 1, 2].map((failures) => backoffMs(failures, { firstMs: 500, maxMs: Infinity }, () => 1));
  assert.equal(waits, [500, 1000, 2000]);
});

test('the shortest wait can be 0', () => {
  assert.is(backoffMs(3, { ...options, leastMs: 0 }, shortest), 0);
  assert.is(
    backoffMs(3, { ...options, leastMs: 0 }, () => 0.5),
    800,
  );
});

test.run();
