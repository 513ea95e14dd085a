import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { inShort, isToBeCarriedOver } from '../../../src/controller/observe/ended-run.ts';
import { decide } from '../../../src/controller/decide/decide.ts';
import { after, anObservation, aRun } from '../../fixtures/builders.ts';

const results = Array.from({ length: 1_000 }, (_, index) => ({
  ...{ itemId: 'i', fileId: `f${index}`, name: `${index}.txt`, size: 1, sha256: '0'.repeat(64) },
}));
const status: DockerRunStatus = {
  ...{ phase: 'Succeeded', reason: 'Succeeded', message: 'Done.', observedGeneration: 3 },
  ...{ completionTime: after(60).toISOString(), results, conditions: [] },
};
const args = Array.from({ length: 1_000 }, (_, index) => `argument ${index}`);
const spec = { args, ttlSecondsAfterFinished: 100 };

test('of a run that has ended little is kept, and decided on as on the whole', () => {
  const whole = aRun({ status, spec });
  const short = inShort(whole);
  assert.ok(JSON.stringify(short).length < 1_000);
  for (const seconds of [61, 159, 161])
    assert.equal(
      decide(anObservation({ run: short }), after(seconds), {}),
      decide(anObservation({ run: whole }), after(seconds), {}),
    );
});

test('a run that goes on is kept whole', () => {
  const run = aRun({ status: { ...status, phase: 'Uploading' }, spec });
  assert.is(inShort(run), run);
});

test('more than is kept is needed only when the spec has changed since the end', () => {
  const at = (generation: number) => inShort(aRun({ metadata: { generation }, status, spec }));
  assert.not(isToBeCarriedOver(at(3)));
  assert.ok(isToBeCarriedOver(at(4)));
});

test.run();
