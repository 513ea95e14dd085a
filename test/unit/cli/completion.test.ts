import { execFileSync } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandTable } from '../../../src/cli/command-table.ts';
import { completionOf, printCompletions } from '../../../src/cli/completion.ts';
import { completionCommand } from '../../../src/cli/completion-scripts.ts';
import { Given } from '../../../src/cli/arguments.ts';

const complete = (...words: string[]) => completionOf(words, commandTable);
const candidates = (...words: string[]) => complete(...words).candidates.map(([name]) => name);

test('the first word is a command', () => {
  assert.equal(
    candidates('wa'),
    commandTable.map(({ name }) => name),
  );
  assert.is(complete('wa').typed, 'wa');
  assert.equal(candidates('nosuch', ''), []);
});

test('a word that starts with a hyphen is an option of the command', () => {
  const options = candidates('list', '--');
  assert.ok(options.includes('--selector') && options.includes('--help'));
  assert.not.ok(options.includes('--input'));
});

test('the value of an option is completed where its values are known', () => {
  assert.equal(candidates('list', '-o', ''), ['wide', 'json', 'yaml', 'name']);
  assert.is(complete('list', '--namespace', '').asks, 'namespaces');
  assert.is(complete('list', '--set', '').asks, 'sets');
  assert.is(complete('list', '--phase', '').asks, 'phases');
});

test('a value in the word of its option is completed with the option, or alone where the shell splits at =', () => {
  const { before, typed, candidates: values } = complete('list', '--output=ya');
  assert.equal([before, typed, values.length], ['--output=', 'ya', 4]);
  const split = complete('list', '--output', '=', 'ya');
  assert.equal([split.before, split.typed, split.candidates.length], ['', 'ya', 4]);
  assert.is(complete('list', '--output', '=').typed, '');
  const path = complete('run', 'a.yaml', '--input', 'picture', '=', './co');
  assert.equal([path.asks, path.typed], ['files', 'picture=./co']);
});

test('arguments are files or names, as many as the command takes', () => {
  assert.is(complete('run', '').asks, 'files');
  assert.is(complete('run', 'a.yaml', '').asks, undefined);
  assert.is(complete('logs', '-f', '').asks, 'runs');
  assert.is(complete('delete', 'a', 'b', '').asks, 'objects');
  assert.is(complete('explain-item', '').asks, 'sets');
  assert.is(complete('explain-item', 'a', '').asks, undefined);
  assert.equal(candidates('list', ''), ['runs', 'sets']);
});

test('options before the name decide where names are looked for', () => {
  const { given } = complete('-n', 'lab', 'logs', '--context=other', '');
  assert.is(given.text('namespace'), 'lab');
  assert.is(given.text('context'), 'other');
});

async function printed(form: 'shell' | 'kubectl', ...words: string[]): Promise<string[]> {
  const stdout = new PassThrough();
  await printCompletions(words, commandTable, { stdout, stop: new AbortController().signal }, form);
  stdout.end();
  return (await text(stdout)).trimEnd().split('\n');
}

test('phases are those of the kind of object', async () => {
  assert.equal(await printed('shell', 'list', '--phase', 'Fa'), ['Failed']);
  assert.equal(await printed('shell', 'list', 'sets', '--phase', 'Ca'), ['Canary', 'Cancelled']);
});

test('kubectl gets whether files are meant after the candidates', async () => {
  assert.equal(await printed('kubectl', 'list', '-o', 'j'), ['json', ':4']);
  assert.equal(await printed('kubectl', 'run', ''), [':0']);
  assert.equal(await printed('shell', 'run', ''), [':files']);
});

async function script(shell: string): Promise<string> {
  const stdout = new PassThrough();
  const stop = new AbortController().signal;
  const [stdin, stderr] = [new PassThrough(), new PassThrough()];
  await completionCommand(new Given([shell], new Map()), { environment: {}, stdin, stdout, stderr, stop });
  stdout.end();
  return text(stdout);
}

test('bash completes with the script', async () => {
  const answer = 'list\\tList runs\\nlogs\\tPrint';
  const line = [
    `dockerrun() { [ "$1 $2" = '__complete l' ] && printf '${answer}\\n'; }`,
    await script('bash'),
    'COMP_WORDS=(dockerrun l); COMP_CWORD=1; _dockerrun; echo "${COMPREPLY[*]}"',
  ].join('\n');
  assert.is(execFileSync('bash', ['-c', line], { encoding: 'utf8' }), 'list logs\n');
});

test('a shell without a script is refused', async () => {
  assert.match(await script('zsh'), /^#compdef dockerrun/);
  assert.match(await script('fish'), /^function __dockerrun_complete/);
  await script('tcsh').then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /completion knows bash, zsh, fish, but not "tcsh"/),
  );
});

test.run();
