import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  isConflict,
  isExpired,
  isNotFound,
  isUnheard,
  KubeError,
  retryAfterMs,
} from '../../../src/kube/kube-error.ts';

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

test('a version that is newer than any, as after etcd was restored, is as bad as one that is too old', () => {
  const error = new KubeError('Too large resource version: 900, current: 100', { status: 504 });
  assert.ok(isExpired(error));
  assert.not.ok(isExpired(refusal(504)));
});

test('a request that was not heard is one without an answer, or one that the server had no time for', () => {
  for (const status of [0, 429]) assert.ok(isUnheard(refusal(status)));
  for (const status of [403, 409, 422, 500]) assert.not.ok(isUnheard(refusal(status)));
});

test('Retry-After is kept, within reason', () => {
  const asks = (retryAfterSeconds: number | undefined) =>
    retryAfterMs(new KubeError('later', { status: 429, retryAfterSeconds }));
  assert.is(asks(undefined), undefined);
  assert.is(asks(3), 3_000);
  assert.is(asks(-1), 0);
  assert.is(asks(1e9), 600_000);
  assert.is(retryAfterMs(new Error('other')), undefined);
});

test('what the API server did not say is none of these', () => {
  for (const error of [undefined, new Error('404'), { status: 404 }])
    for (const is of [isNotFound, isConflict, isExpired]) assert.not.ok(is(error));
});

test.run();
