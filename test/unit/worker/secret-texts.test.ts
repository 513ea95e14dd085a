import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSecretTexts, withoutSecretTexts } from '../../../src/worker/secret-texts.ts';
import { RunError } from '../../../src/support/errors.ts';
import { specOf } from '../../fixtures/builders.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';

const token = { name: 'token', secretKeyRef: { name: 'girder', key: 'token' } };

/** The texts of a run whose Secret `girder` has this token. */
const read = (value: string, args: readonly string[] = ['$(token)']) => {
  const spec = specOf({ image: 'a', args, transforms: [token] });
  return readSecretTexts({ spec, secretValue: async () => value });
};

test('the value of a Secret loses its line end, and nothing else', async () => {
  assert.is((await read(' a\nb \n')).get('token'), ' a\nb ');
  assert.is((await read('a\r\n')).get('token'), 'a');
});

test('a value that no argument can hold is refused without being quoted', async () => {
  for (const value of ['sesame\0', 'sesame'.repeat(30_000)]) {
    const { reason, message } = await runErrorOf(read(value));
    assert.is(reason, 'SecretIncomplete');
    assert.match(message, 'spec.transforms: token.secretKeyRef: key token of Secret girder has');
    assert.not.match(message, 'sesame');
  }
});

test('a small spec that names a large value very often is refused before it is expanded', async () => {
  const args = Array.from({ length: 10 }, () => '$(token)'.repeat(1_000));
  const { reason, message } = await runErrorOf(read('x'.repeat(10_000), args));
  assert.is(reason, 'InvalidSpec');
  assert.match(message, '100000000 characters');
});

test('an error that quotes a value shows the name in its place', () => {
  const values = new Map([['token', 'sesame'], ['longer', 'open sesame'], ['empty', '']]); // prettier-ignore
  const cause = new Error('exec: "open sesame"');
  const failure = new RunError('ContainerStartFailed', 'exec: "open sesame": not found, sesame', { cause });
  const shown = withoutSecretTexts(failure, values);
  if (!(shown instanceof RunError)) throw new TypeError('it is another error');
  assert.is(shown.message, 'exec: "$(longer)": not found, $(token)');
  assert.is(shown.cause, undefined);
  const other = new RunError('ContainerStartFailed', 'no such file', { cause });
  assert.is(withoutSecretTexts(other, values), other);
});

test.run();
