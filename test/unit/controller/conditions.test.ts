import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Verdict } from '../../../src/controller/decide/outcome.ts';
import { conditionsOf } from '../../../src/controller/decide/decision.ts';

const running: Verdict = { phase: 'Running', reason: 'Running', message: 'The target is running.' };
const failed: Verdict = { phase: 'Failed', reason: 'TargetFailed', message: 'No.', accepted: true };
const first = '2026-01-02T03:04:05.000Z';
const later = '2026-01-02T04:00:00.000Z';

const typesOf = (verdict: Verdict) =>
  conditionsOf(verdict, 1, {}, first).map(({ type, status }) => `${type}=${status}`);

test('each phase has its conditions', () => {
  assert.equal(typesOf(running), ['Accepted=True', 'Reconciling=True']);
  assert.equal(typesOf({ phase: 'Succeeded', reason: 'Succeeded', message: '' }), [
    'Accepted=True',
    'Complete=True',
  ]);
  assert.equal(typesOf(failed), ['Accepted=True', 'Failed=True', 'Stalled=True']);
  assert.equal(typesOf({ ...failed, accepted: false }), ['Accepted=False', 'Failed=True', 'Stalled=True']);
});

test('a condition keeps its transition time as long as its status stays the same', () => {
  const before = { conditions: conditionsOf(running, 1, {}, first) };
  const uploading: Verdict = { phase: 'Uploading', reason: 'Uploading', message: 'Other words.' };
  for (const condition of conditionsOf(uploading, 2, before, later)) {
    assert.is(condition.lastTransitionTime, first);
    assert.is(condition.observedGeneration, 2);
  }
});

test('a condition that is new or has another status has the current time', () => {
  const before = { conditions: conditionsOf(running, 1, {}, first) };
  const refused = conditionsOf({ ...failed, accepted: false }, 1, before, later);
  assert.equal(
    refused.map(({ lastTransitionTime }) => lastTransitionTime),
    [later, later, later],
  );
  const accepted = conditionsOf(failed, 1, before, later);
  assert.equal(
    accepted.map(({ lastTransitionTime }) => lastTransitionTime),
    [first, later, later],
  );
});

test.run();
