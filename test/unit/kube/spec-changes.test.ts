import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dockerRunSetSpec } from '../../../src/api/set/set-spec.ts';
import { dockerRunSpec } from '../../../src/api/spec.ts';
import { specChange } from '../../../src/kube/spec-changes.ts';

test('what the verbs change are fields of runs and of sets', () => {
  for (const verb of ['cancel', 'suspend', 'resume'] as const)
    for (const field of Object.keys(specChange(verb)))
      assert.ok(field in dockerRunSpec.properties && field in dockerRunSetSpec.properties, field);
  for (const field of Object.keys(specChange('retryFailed')))
    assert.ok(field in dockerRunSetSpec.properties, field);
});

test('each retry of what failed has a value that was not there before', () => {
  const at = (time: string) => specChange('retryFailed', new Date(time))['retryFailed'];
  assert.is.not(at('2026-11-30T12:00:00.000Z'), at('2026-11-30T12:00:00.001Z'));
});

test.run();
