import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { phases } from '../../../src/api/status.ts';
import { setPhases } from '../../../src/api/set/set-status.ts';
import { ageOf } from '../../../src/support/age-text.ts';
import { durationText, phaseSigns } from '../../../src/ui/page/wording.ts';

test('a duration has at most two units', () => {
  const texts = [-5, 900, 9_940, 59_000, 200_000, 7_200_000, 90_061_000].map(durationText);
  assert.equal(texts, ['0.0 s', '0.9 s', '9.9 s', '59 s', '3 m 20 s', '2 h', '1 d 1 h']);
});

test('an age has one unit, as in the tables of kubectl', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  const ages = [
    '2026-01-01T23:59:01Z',
    '2026-01-01T23:00:00Z',
    '2026-01-01T00:00:00Z',
    '2025-12-25T00:00:00Z',
  ];
  assert.equal(
    ages.map((time) => ageOf(time, now)),
    ['59s', '60m', '24h', '8d'],
  );
  assert.is(ageOf('', now), '');
});

test('every phase of runs and sets has a sign', () => {
  const without = [...phases, ...setPhases].filter((phase) => phaseSigns[phase] === undefined);
  assert.equal(without, []);
});

test.run();
