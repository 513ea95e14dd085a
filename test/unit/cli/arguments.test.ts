import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCommand, UsageError } from '../../../src/cli/arguments.ts';

test('run accepts a file and options in any order', () => {
  assert.equal(parseCommand(['run', '--name', 'a', 'run.yaml', '-q', '--env-file=x.env']), {
    command: 'run',
    file: 'run.yaml',
    name: 'a',
    quiet: true,
    envFile: 'x.env',
  });
  assert.equal(parseCommand(['run', '-']), {
    command: 'run',
    file: '-',
    name: undefined,
    quiet: false,
    envFile: undefined,
  });
});

for (const args of [[], ['help'], ['--help'], ['-h'], ['run', '--help'], ['run', 'a', '-h']]) {
  test(`"dockerrun ${args.join(' ')}" prints help`, () => {
    assert.equal(parseCommand(args), { command: 'help' });
  });
}

test('--version prints the version', () => {
  assert.equal(parseCommand(['--version']), { command: 'version' });
});

for (const [args, sentence] of [
  [['start'], /unknown command "start"/],
  [['run'], /needs a FILE/],
  [['run', 'a', 'b'], /"b" is a second one/],
  [['run', 'a', '--nam', 'b'], /Unknown option '--nam'; see dockerrun --help$/],
  [['run', 'a', '--name'], /--name/],
  [['run', 'a', '--quiet=yes'], /--quiet/],
] as const) {
  test(`"dockerrun ${args.join(' ')}" is refused with one line`, () => {
    assert.throws(
      () => parseCommand(args),
      (error: Error) =>
        error instanceof UsageError && sentence.test(error.message) && !error.message.includes('\n'),
    );
  });
}

test.run();
