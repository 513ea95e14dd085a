import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isInShare } from '../../../src/planner/verify-share.ts';

const everyMs = 86_400_000;
const start = 1_800_000_000_000;

test('each input is looked at exactly once in a period, however the passes divide it', () => {
  const passes = fc.array(fc.integer({ min: 1, max: everyMs - 1 }), { maxLength: 20 });
  fc.assert(
    fc.property(passes, fc.uuid(), (times, id) => {
      const moments = [0, ...new Set(times.toSorted((a, b) => a - b)), everyMs].map((time) => start + time);
      const looks = moments.slice(1).filter((until, index) => {
        const after = moments[index] ?? start;
        return until > after && isInShare(id, { after, until, everyMs });
      });
      assert.is(looks.length, 1);
    }),
  );
});

test('a pass of a tenth of the period looks at about a tenth of the inputs', () => {
  const ids = Array.from({ length: 10_000 }, (_, index) => `item-${index}`);
  const count = ids.filter((id) =>
    isInShare(id, { after: start, until: start + everyMs / 10, everyMs }),
  ).length;
  assert.ok(count > 850 && count < 1_150, `${count}`);
});

test('after a longer pause than the period, all inputs are looked at', () => {
  assert.ok(isInShare('a', { after: start, until: start + 2 * everyMs, everyMs }));
});

test.run();
