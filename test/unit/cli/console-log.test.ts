import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PassThrough } from 'node:stream';
import { plainLog, Printer, printerOptions } from '../../../src/cli/local/console.ts';

function printed(fields: object, text: string): string {
  const out = new PassThrough();
  plainLog(new Printer(out, false)).warn(fields, text);
  return String(out.read());
}

test('a warning shows its subject and its cause', () => {
  const error = 'getaddrinfo ENOTFOUND girder.example (http://girder.example/api/v1)';
  assert.is(
    printed({ subject: 'file 5f0c', error }, 'asking Girder again'),
    `dockerrun: asking Girder again (file 5f0c): ${error}\n`,
  );
  assert.is(printed({ error: 'EACCES' }, 'it is kept'), 'dockerrun: it is kept: EACCES\n');
});

test('a warning about a hook shows its index and the kept paths', () => {
  assert.is(
    printed({ hook: 0, kept: ['a b', 'c'] }, 'cannot delete uploaded files'),
    'dockerrun: cannot delete uploaded files (hook 0): a b, c\n',
  );
});

test('a warning shows all other fields, and is only its message without fields', () => {
  assert.is(printed({ status: 3, to: 4 }, 'not changed'), 'dockerrun: not changed (status 3, to 4)\n');
  assert.is(printed({}, 'cut off'), 'dockerrun: cut off\n');
});

test('a warning is one line without control characters and without secrets', () => {
  const line = printed({ error: 'one\ntwo\u001b[2J', token: 'abc' }, 'text');
  assert.is(line, 'dockerrun: text (token [secret]): one two\ufffd[2J\n');
});

test('in the helper container, this machine is that of the engine', () => {
  const out = new PassThrough();
  new Printer(out, false, printerOptions({}, {})).warn('check that this machine can reach Girder');
  assert.is(String(out.read()), "dockerrun: check that the Docker Engine's machine can reach Girder\n");
});

test.run();
