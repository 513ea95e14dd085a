import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLogger } from '../../../src/support/log.ts';

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

test.run();
