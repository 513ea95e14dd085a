import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isConflict, isExpired, isNotFound, KubeError } from '../../../src/kube/kube-error.ts';

const refusal = (status: number, reason?: string) =>
  new KubeError('no', { status, ...(reason === undefined ? {} : { reason }) });

test('an error is told by its status', () => {
  assert.ok(isNotFound(refusal(404)));
  assert.ok(isConflict(refusal(409, 'AlreadyExists')));
  assert.not.ok(isNotFound(refusal(403)));
  assert.not.ok(isConflict(refusal(404)));
});

test('a version that is too old has the status 410, or another one and the reason Expired', () => {
  assert.ok(isExpired(refusal(410)));
  assert.ok(isExpired(refusal(500, 'Expired')));
  assert.not.ok(isExpired(refusal(500)));
});

test('what the API server did not say is none of these', () => {
  for (const error of [undefined, new Error('404'), { status: 404 }])
    for (const is of [isNotFound, isConflict, isExpired]) assert.not.ok(is(error));
});

test.run();
