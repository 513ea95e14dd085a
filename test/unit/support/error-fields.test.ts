import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KubeError } from '../../../src/kube/kube-error.ts';
import { errorFields } from '../../../src/support/log.ts';
import { RunError } from '../../../src/support/errors.ts';

test('a refusal of the API server says its status and reason', () => {
  const error = new KubeError('jobs.batch "x" is forbidden', { status: 403, reason: 'Forbidden' });
  const expected = { error: 'jobs.batch "x" is forbidden', code: 403, reason: 'Forbidden' };
  assert.equal(errorFields(error), expected);
});

test('no answer at all has no code', () => {
  assert.equal(errorFields(new KubeError('no answer', { status: 0 })), { error: 'no answer' });
});

test('a classified failure says its reason, a system error its code', () => {
  assert.is(errorFields(new RunError('ImageNotFound', 'x')).reason, 'ImageNotFound');
  const reset = Object.assign(new Error('read'), { code: 'ECONNRESET' });
  assert.equal(errorFields(reset), { error: 'read (ECONNRESET)', code: 'ECONNRESET' });
});

test('whatever else was thrown is a sentence, and nothing of a request is told', () => {
  assert.equal(errorFields('odd'), { error: 'odd' });
  const error = Object.assign(new Error('failed'), { config: { headers: { authorization: 's3cret' } } });
  assert.equal(errorFields(error), { error: 'failed' });
});

test.run();
