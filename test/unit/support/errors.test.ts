import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { failureReasons } from '../../../src/api/reasons.ts';
import { describe, errorCode, RunError, toRunError } from '../../../src/support/errors.ts';

test('the sentence of a failure is the message and the remedy, with one full stop between', () => {
  const { remedy } = failureReasons.TargetFailed;
  for (const end of ['', '.', '. ', '...\n'])
    assert.is(new RunError('TargetFailed', `It ended with 3${end}`).sentence, `It ended with 3. ${remedy}`);
});

test('a sentence starts with a capital letter, but the path of a field is unchanged', () => {
  assert.match(new RunError('InvalidSpec', 'no image').sentence, /^No image\. /);
  assert.match(new RunError('InvalidSpec', 'spec.image: none').sentence, /^spec\.image: none\. /);
});

test('a classified failure is unchanged', () => {
  const error = new RunError('OOMKilled', 'x');
  assert.is(toRunError(error), error);
});

test('an unclassified error is a defect of ours, with its cause', () => {
  const cause = new TypeError('x is not a function');
  const error = toRunError(cause);
  assert.is(error.reason, 'WorkerFailed');
  assert.is(error.message, 'x is not a function');
  assert.is(error.cause, cause);
  assert.is(toRunError('a string').message, 'a string');
});

test('an error of a disk is not a defect of ours, wherever it occurs', () => {
  for (const code of ['EIO', 'ENOSPC', 'EROFS', 'ESTALE'])
    assert.is(toRunError(Object.assign(new Error('write'), { code })).reason, 'DiskFailed');
  assert.is(
    toRunError(Object.assign(new Error('x'), { code: 'ERR_INVALID_ARG_TYPE' })).reason,
    'WorkerFailed',
  );
});

test('the description of a system error has its code once', () => {
  const refused = Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' });
  assert.is(describe(refused), 'connect failed (ECONNREFUSED)');
  assert.is(
    describe(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })),
    'connect ECONNREFUSED',
  );
  assert.is(describe(new RangeError('')), 'RangeError');
});

test('a description has only the message and code of an error, because other fields hold tokens', () => {
  const error = Object.assign(new Error('403'), { config: { headers: { 'Girder-Token': 'secret' } } });
  assert.not.match(describe(error), /secret/);
});

test('only a string is an error code', () => {
  assert.is(errorCode({ code: 'ENOENT' }), 'ENOENT');
  for (const value of [undefined, null, 'ENOENT', {}, { code: 7 }]) assert.is(errorCode(value), undefined);
});

test('a cut never leaves half a character, which the API server would replace at each write of a status', () => {
  for (const before of ['', 'x']) {
    const { message, sentence } = new RunError('WorkerFailed', `${before}${'😀'.repeat(1_000)}`);
    assert.ok(message.isWellFormed() && sentence.isWellFormed());
  }
  assert.ok(new RunError('WorkerFailed', 'a\ud83d').message.isWellFormed());
});

test.run();
