import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KubeError } from '../../../src/kube/kube-error.ts';
import { RunError } from '../../../src/support/errors.ts';
import { createLogger, errorFields } from '../../../src/support/log.ts';

/** The output of a logger with level info. */
function logged(use: (log: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  use(createLogger('info', { write: (line: string) => void (text += line) }));
  return text;
}

test('a line is a JSON object with the fields and the message', () => {
  const line: unknown = JSON.parse(logged((log) => log.info({ path: '/a' }, 'hello')));
  assert.ok(typeof line === 'object' && line !== null && 'path' in line && 'msg' in line);
  assert.is(line.path, '/a');
  assert.is(line.msg, 'hello');
});

for (const name of ['token', 'apiKey', 'key', 'authorization', 'Authorization', 'Girder-Token']) {
  test(`the value of ${name} is never logged, at the top level or nested`, () => {
    const text = logged((log) => log.info({ [name]: 's3cret', headers: { [name]: 's3cret' } }, 'request'));
    assert.not.match(text, /s3cret/);
    assert.match(text, /\[secret\]/);
  });
}

test('a line below the level is not written', () => {
  assert.is(
    logged((log) => log.debug('x')),
    '',
  );
});

test('an error of the API server has its status and reason as fields', () => {
  const error = new KubeError('jobs.batch "x" is forbidden', { status: 403, reason: 'Forbidden' });
  const expected = { error: 'jobs.batch "x" is forbidden', code: 403, reason: 'Forbidden' };
  assert.equal(errorFields(error), expected);
});

test('an error without an answer has no code', () => {
  assert.equal(errorFields(new KubeError('no answer', { status: 0 })), { error: 'no answer' });
});

test('a classified failure has its reason as a field, a system error its code', () => {
  assert.is(errorFields(new RunError('ImageNotFound', 'x')).reason, 'ImageNotFound');
  const reset = Object.assign(new Error('read'), { code: 'ECONNRESET' });
  assert.equal(errorFields(reset), { error: 'read (ECONNRESET)', code: 'ECONNRESET' });
});

test('any other thrown value has only a message, and nothing of a request', () => {
  assert.equal(errorFields('odd'), { error: 'odd' });
  const error = Object.assign(new Error('failed'), { config: { headers: { authorization: 's3cret' } } });
  assert.equal(errorFields(error), { error: 'failed' });
});

test.run();
