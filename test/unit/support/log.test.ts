import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KubeError } from '../../../src/kube/kube-error.ts';
import { RunError } from '../../../src/support/errors.ts';
import { createLogger, errorFields } from '../../../src/support/log.ts';

/** What a logger of level info wrote. */
function logged(use: (log: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  use(createLogger('info', { write: (line: string) => void (text += line) }));
  return text;
}

test('a line is JSON with what was said', () => {
  const line: unknown = JSON.parse(logged((log) => log.info({ path: '/a' }, 'hello')));
  assert.ok(typeof line === 'object' && line !== null && 'path' in line && 'msg' in line);
  assert.is(line.path, '/a');
  assert.is(line.msg, 'hello');
});

for (const name of ['token', 'apiKey', 'key', 'authorization', 'Authorization', 'Girder-Token']) {
  test(`the value of ${name} is never written, at the top or in a field`, () => {
    const text = logged((log) => log.info({ [name]: 's3cret', headers: { [name]: 's3cret' } }, 'request'));
    assert.not.match(text, /s3cret/);
    assert.match(text, /\[secret\]/);
  });
}

test('what is below the level is not written', () => {
  assert.is(
    logged((log) => log.debug('x')),
    '',
  );
});

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
