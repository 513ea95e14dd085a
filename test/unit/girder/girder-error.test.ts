import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { classify, classifyStore, parseRefusal } from '../../../src/girder/girder-error.ts';
import { TransientFailure } from '../../../src/girder/retry.ts';
import { type Method, wireError } from '../../../src/girder/http/transport.ts';
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

test('a failure of the connection is retried for seconds if another address cures it, else patiently', () => {
  const ended = (code: string, url: string) => {
    const signal = new AbortController().signal;
    const failure = wireError(Object.assign(new Error('x'), { code }), { signal, url: new URL(url) });
    assert.instance(failure, TransientFailure);
    return (failure as TransientFailure).ending?.afterMs;
  };
  for (const code of ['EAI_AGAIN', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'EPIPE'])
    assert.is(ended(code, 'https://girder.example.org/api/v1'), undefined, code);
  assert.is(ended('ENOTFOUND', 'https://girder.example.org/api/v1'), 8_000);
  assert.is(ended('EPROTO', 'https://girder.example.org/api/v1'), 5_000);
  assert.is(ended('HPE_INVALID_CONSTANT', 'http://girder.example.org/api/v1'), 5_000);
});

test('a page of another server is named by its title, without control characters and within bounds', () => {
  const html = (title: string) => `<html><head><title>${title}</title></head></html>`;
  assert.match(outcome(403, html(' Access\n denied ')).message, ': it sent an HTML page "Access denied"');
  const long = outcome(403, html(`\u0007\u001b[31m${'x'.repeat(100_000)}`)).message;
  assert.ok(long.length < 500);
  assert.not.match(long, /[\u0000-\u001f]/);
  assert.match(outcome(403, '').message, 'it sent an empty body');
});

test('what another server refuses is final at first, and may pass once Girder has answered', () => {
  const context = { method: 'GET', subject: 'x', api: 'http://g/api/v1' } as const;
  const refusal = parseRefusal(404, '<h1>default backend - 404</h1>');
  assert.instance(classify(refusal, context), RunError);
  const later = classify(refusal, { ...context, isKnown: true, atRisk: 'results' });
  assert.instance(later, TransientFailure);
  assert.is((later as TransientFailure).ending?.afterMs, 90_000);
  assert.is((later as TransientFailure).ending?.error?.reason, 'GirderUnavailable');
});

test('a store that is busy is waited for as long as it asks', () => {
  const context = { method: 'GET', subject: 'x', api: 'http://g/api/v1' } as const;
  const busy = classifyStore(
    parseRefusal(503, '<Error><Code>SlowDown</Code></Error>', '7'),
    'http://s',
    context,
  );
  assert.is(busy.retryAfter, 7_000);
  assert.is(busy.ending, undefined);
  assert.match(busy.message, 'http://s, to which it redirects, returned 503 with the error SlowDown');
});

test('an error of another server means that there is no Girder', () => {
  assert.is(reason(404, '<h2>404 Not Found</h2>'), 'GirderUnavailable');
  assert.is(reason(405, '{"error": "method not allowed"}'), 'GirderUnavailable');
});

test.run();
