import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  isConflict,
  isExpired,
  isNotFound,
  isSafeToResend,
  KubeError,
  retryAfterMs,
} from '../../../src/kube/kube-error.ts';

const kubeError = (status: number, reason?: string) =>
  new KubeError('no', { status, ...(reason === undefined ? {} : { reason }) });

test('not found is 404, and a conflict is 409', () => {
  assert.ok(isNotFound(kubeError(404)));
  assert.ok(isConflict(kubeError(409, 'AlreadyExists')));
  assert.not.ok(isNotFound(kubeError(403)));
  assert.not.ok(isConflict(kubeError(404)));
});

test('a resource version that is too old has the status 410, or the reason Expired', () => {
  assert.ok(isExpired(kubeError(410)));
  assert.ok(isExpired(kubeError(500, 'Expired')));
  assert.not.ok(isExpired(kubeError(500)));
});

test('a resource version from the future, as after etcd was restored, has expired as well', () => {
  const error = new KubeError('Too large resource version: 900, current: 100', { status: 504 });
  assert.ok(isExpired(error));
  assert.not.ok(isExpired(kubeError(504)));
});

test('a request without an answer, or answered with 429, may be sent again unchanged', () => {
  for (const status of [0, 429]) assert.ok(isSafeToResend(kubeError(status)));
  for (const status of [403, 409, 422, 500]) assert.not.ok(isSafeToResend(kubeError(status)));
});

test('Retry-After is respected up to 10 minutes', () => {
  const waitMs = (retryAfterSeconds: number | undefined) =>
    retryAfterMs(new KubeError('later', { status: 429, retryAfterSeconds }));
  assert.is(waitMs(undefined), undefined);
  assert.is(waitMs(3), 3_000);
  assert.is(waitMs(-1), 0);
  assert.is(waitMs(1e9), 600_000);
  assert.is(retryAfterMs(new Error('other')), undefined);
});

test('an error that is not from the API server is neither of these', () => {
  for (const error of [undefined, new Error('404'), { status: 404 }])
    for (const is of [isNotFound, isConflict, isExpired]) assert.not.ok(is(error));
});

test.run();
