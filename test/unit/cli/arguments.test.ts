import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCommand, UsageError } from '../../../src/cli/arguments.ts';

const none = { inputs: new Map(), outputs: new Map() };

test('run accepts a file and options in any order', () => {
  assert.equal(parseCommand(['run', '--name', 'a', 'run.yaml', '-q', '--env-file=x.env']), {
    command: 'run',
    file: 'run.yaml',
    name: 'a',
    quiet: true,
    envFile: 'x.env',
    data: none,
    limit: undefined,
  });
  assert.equal(parseCommand(['run', '-']), {
    command: 'run',
    file: '-',
    name: undefined,
    quiet: false,
    envFile: undefined,
    data: none,
    limit: undefined,
  });
});

test('--input and --output name transforms and may be repeated; a path may contain an equals sign', () => {
  const args = ['run', 'a.yaml', '-i', 'ct=./ct.nrrd', '--input=mr=a=b', '--output', 'mask=./out'];
  const command = parseCommand(args);
  assert.equal(command.command === 'run' && command.data, {
    inputs: new Map([
      ['ct', './ct.nrrd'],
      ['mr', 'a=b'],
    ]),
    outputs: new Map([['mask', './out']]),
  });
});

test('--limit is a number of inputs', () => {
  const command = parseCommand(['run', 'set.yaml', '--limit', '5']);
  assert.is(command.command === 'run' && command.limit, 5);
});

for (const args of [[], ['help'], ['--help'], ['-h'], ['run', '--help'], ['run', 'a', '-h']]) {
  test(`"dockerrun ${args.join(' ')}" prints help`, () => {
    assert.equal(parseCommand(args), { command: 'help' });
  });
}

test('validate takes files, and none of the options of run', () => {
  assert.equal(parseCommand(['validate', 'a.yaml', '-']), { command: 'validate', files: ['a.yaml', '-'] });
  for (const args of [['-q'], ['--limit', '3'], ['--input', 'a=b'], ['--name', 'x']])
    assert.throws(
      () => parseCommand(['validate', 'a.yaml', ...args]),
      (error: unknown) => error instanceof UsageError && /^validate does not take --/.test(error.message),
    );
});

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
  [['run', 'a', '--input', 'ct'], /--input ct: write it as NAME=PATH/],
  [['run', 'a', '--limit', '0'], /--limit 0: it must be a number from 1 to 100/],
  [['run', 'a', '--limit=1e1'], /--limit 1e1/],
  [['run', 'a', '-o', 'm=a', '-o', 'm=b'], /--output m is given twice/],
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
