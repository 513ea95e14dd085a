import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { classify, parseRefusal } from '../../../src/girder/girder-error.ts';
import type { TransientFailure } from '../../../src/girder/retry.ts';
import type { Method } from '../../../src/girder/http/transport.ts';
import { RunError } from '../../../src/support/errors.ts';

function outcome(status: number, body: string, method: Method = 'GET'): RunError | TransientFailure {
  return classify(parseRefusal(status, body), { method, subject: 'file 5f0c', api: 'http://g/api/v1' });
}

function reason(...response: Parameters<typeof outcome>): string {
  const error = outcome(...response);
  return error instanceof RunError ? error.reason : 'transient';
}

test('an unknown id and a malformed one are GirderNotFound', () => {
  const unknown = '{"message": "Invalid file id (5f0c).", "type": "rest"}';
  const malformed = '{"field": "id", "message": "Invalid ObjectId: 5f0c", "type": "validation"}';
  assert.is(reason(400, unknown), 'GirderNotFound');
  assert.is(reason(400, malformed), 'GirderNotFound');
  assert.is(outcome(400, unknown).message, 'there is no file 5f0c in Girder http://g/api/v1');
});

test('401 is GirderUnauthorized and 403 is GirderForbidden', () => {
  const denied = '{"message": "Read access denied for file.", "type": "access"}';
  assert.is(reason(401, denied), 'GirderUnauthorized');
  assert.is(reason(403, denied), 'GirderForbidden');
  assert.match(outcome(403, denied).message, 'no read access to file 5f0c');
  assert.match(outcome(403, denied, 'PUT').message, 'no write access to file 5f0c');
});

test("any other refusal is GirderRefused, with Girder's own message", () => {
  const full = '{"message": "Assetstore is unavailable\\n or full.", "type": "validation"}';
  assert.is(reason(400, full, 'POST'), 'GirderRefused');
  assert.match(outcome(400, full, 'POST').message, 'refused file 5f0c: Assetstore is unavailable or full.');
});

test('server errors and 429 are transient', () => {
  for (const status of [429, 500, 502, 503, 504]) assert.is(reason(status, ''), 'transient');
});

test('a transient failure carries the time of Retry-After', () => {
  const error = classify(parseRefusal(503, '', '3'), { method: 'GET', subject: 'x', api: 'y' });
  assert.is((error as TransientFailure).retryAfter, 3000);
});

test('an error of another server means that there is no Girder', () => {
  assert.is(reason(404, '<h2>404 Not Found</h2>'), 'GirderUnavailable');
  assert.is(reason(405, '{"error": "method not allowed"}'), 'GirderUnavailable');
});

test.run();
