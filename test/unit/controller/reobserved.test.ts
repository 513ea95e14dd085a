import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { after, anObservation, aRun, decided } from '../../fixtures/builders.ts';

const condition = {
  type: 'Complete',
  status: 'True' as const,
  reason: 'Succeeded',
  message: '',
  lastTransitionTime: after(9).toISOString(),
};
const ended = {
  observedGeneration: 2,
  phase: 'Succeeded' as const,
  completionTime: after(9).toISOString(),
  conditions: [{ ...condition, observedGeneration: 2 }],
};

test('the status of an ended run is confirmed for a changed spec', () => {
  const run = aRun({ metadata: { generation: 3 }, status: ended });
  assert.equal(decided(anObservation({ run }), after(10), {}).status, {
    ...ended,
    observedGeneration: 3,
    conditions: [{ ...condition, observedGeneration: 3 }],
  });
});

test('it is confirmed only once, also while the run waits to be deleted', () => {
  const metadata = { generation: 2 };
  for (const spec of [{}, { ttlSecondsAfterFinished: 60 }]) {
    const run = aRun({ metadata, spec, status: ended });
    assert.is(decided(anObservation({ run }), after(10), {}).status, undefined);
  }
});

test('the status of a run that is deleted in the same step is not confirmed', () => {
  const spec = { ttlSecondsAfterFinished: 0 };
  const run = aRun({ metadata: { generation: 3 }, spec, status: ended });
  const { actions, status } = decided(anObservation({ run }), after(10), {});
  assert.equal(actions, [{ kind: 'deleteRun' }]);
  assert.is(status, undefined);
});

test.run();
