import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CommandLineError, Given, numberOf, runCommandOf, secondsOf } from '../../../src/cli/arguments.ts';
import { nearest, parseCommandLine } from '../../../src/cli/command-line.ts';
import { commandTable } from '../../../src/cli/command-table.ts';
import { commandHelp, programHelp } from '../../../src/cli/help-text.ts';

const parsed = (...args: string[]) => parseCommandLine(args, commandTable);

/** The options of `run`. */
function run(...args: string[]) {
  const line = parsed('run', ...args);
  assert.ok(line.kind === 'command');
  return runCommandOf(line.given, 100);
}

test('run accepts a file and options in any order', () => {
  const none = { inputs: new Map(), outputs: new Map() };
  const here = { remote: false, workerImage: undefined, engineSocket: undefined };
  assert.equal(run('--name', 'a', 'run.yaml', '-q', '--env-file=x.env'), {
    ...{ file: 'run.yaml', name: 'a', quiet: true, envFile: 'x.env', data: none, limit: undefined },
    ...here,
  });
  assert.equal(run('-'), {
    ...{ file: '-', name: undefined, quiet: false, envFile: undefined, data: none, limit: undefined },
    ...here,
  });
});

test('--input and --output name transforms and may be repeated; a path may contain an equals sign', () => {
  const { data } = run('a.yaml', '-i', 'ct=./ct.nrrd', '--input=mr=a=b', '--output', 'mask=./out');
  assert.equal(
    [...data.inputs],
    [
      ['ct', './ct.nrrd'],
      ['mr', 'a=b'],
    ],
  );
  assert.equal([...data.outputs], [['mask', './out']]);
});

test('the options for an engine elsewhere are an image, a path and a flag', () => {
  const { remote, workerImage, engineSocket } = run(
    'a.yaml',
    '--remote',
    '--worker-image',
    'i',
    '--engine-socket=/s',
  );
  assert.equal([remote, workerImage, engineSocket], [true, 'i', '/s']);
  assert.throws(() => run('a.yaml', '--engine-socket', 's'), 'it must be an absolute path');
});

test('--limit is a number of inputs', () => {
  assert.is(run('set.yaml', '--limit', '5').limit, 5);
});

for (const args of [[], ['help'], ['--help'], ['-h']])
  test(`"dockerrun ${args.join(' ')}" prints the help of the program`, () => {
    assert.equal(parsed(...args), { kind: 'help' });
  });

for (const args of [
  ['help', 'run'],
  ['run', '--help'],
  ['run', 'a', '-h'],
])
  test(`"dockerrun ${args.join(' ')}" prints the help of the command`, () => {
    const line = parsed(...args);
    assert.is(line.kind === 'help' && line.command?.name, 'run');
  });

test('--version prints the version', () => {
  assert.equal(parsed('--version'), { kind: 'version' });
});

test('options of the cluster may stand before the command, as with kubectl', () => {
  const line = parsed('-n', 'lab', '--context=other', 'list', '-A', 'sets');
  assert.ok(line.kind === 'command');
  assert.is(line.command.name, 'list');
  assert.is(line.given.text('namespace'), 'lab');
  assert.is(line.given.text('context'), 'other');
  assert.equal(line.given.args, ['sets']);
});

for (const [args, sentence] of [
  [['start'], /^unknown command "start"; see dockerrun --help$/],
  [['lst'], /^unknown command "lst"; did you mean list\?/],
  [['expl'], /^unknown command "expl"; did you mean explain-item\?/],
  [['--nosuch'], /^unknown option --nosuch; see dockerrun --help$/],
  [['run'], /^run needs a FILE, or - for standard input; see dockerrun run --help$/],
  [['run', 'a', 'b'], /"b" is one too many/],
  [['run', 'a', '--nam', 'b'], /^unknown option --nam \(did you mean --name\?\); see dockerrun run --help$/],
  [['run', 'a', '--name'], /--name/],
  [['run', 'a', '--quiet=yes'], /--quiet/],
  [['validate', 'a.yaml', '-q'], /^validate does not take -q/],
  [['validate', 'a.yaml', '--limit', '3'], /^validate does not take --limit/],
  [['doctor', 'x'], /^doctor takes no argument, but "x" is one too many/],
  [['explain-item', 's'], /^explain-item needs an ITEM/],
] as const) {
  test(`"dockerrun ${args.join(' ')}" is refused with one line`, () => {
    assert.throws(
      () => parsed(...args),
      (error: unknown) =>
        error instanceof CommandLineError &&
        error.exitCode === 2 &&
        sentence.test(error.message) &&
        !error.message.includes('\n'),
    );
  });
}

for (const [args, sentence] of [
  [['a', '--input', 'ct'], /--input ct: write it as NAME=PATH/],
  [['a', '--limit', '0'], /--limit 0: it must be a number from 1 to 100/],
  [['a', '--limit=1e1'], /--limit 1e1/],
  [['a', '-o', 'm=a', '-o', 'm=b'], /--output m is given twice/],
] as const) {
  test(`"dockerrun run ${args.join(' ')}" is refused`, () => {
    assert.throws(
      () => run(...args),
      (error: unknown) => error instanceof CommandLineError && sentence.test(error.message),
    );
  });
}

const given = (option: string, value: string) => new Given([], new Map([[option, [value]]]));

test('a duration has a unit, or is in seconds', () => {
  for (const [text, seconds] of [
    ['90', 90],
    ['30s', 30],
    ['10m', 600],
    ['2h', 7200],
  ] as const)
    assert.is(secondsOf(given('timeout', text), 'timeout'), seconds);
  for (const text of ['', '1d', '-1', '1.5h', '9999999', '1000h'])
    assert.throws(() => secondsOf(given('timeout', text), 'timeout'), /write a duration/);
});

test('a number has bounds', () => {
  assert.is(numberOf(given('tail', '10'), 'tail', { least: 1, most: 10 }), 10);
  assert.throws(() => numberOf(given('tail', '11'), 'tail', { least: 1, most: 10 }), /from 1 to 10/);
});

test('only a name that is near is suggested', () => {
  const names = ['list', 'logs', 'delete', 'wait'];
  assert.is(nearest('lgos', names), 'logs');
  assert.is(nearest('del', names), 'delete');
  assert.is(nearest('xyz', names), undefined);
  assert.is(nearest('a'.repeat(100_000), names), undefined);
});

test('the help fits 80 columns, and names every command and every option', () => {
  const program = programHelp(commandTable);
  const texts = [program, ...commandTable.map(commandHelp)];
  const long = texts.flatMap((text) => text.split('\n')).filter((line) => line.length > 80);
  assert.equal(long, []);
  for (const command of commandTable) {
    assert.match(program, new RegExp(`^ {2}${command.name} {2,}\\S`, 'm'));
    for (const { name } of command.options) assert.ok(commandHelp(command).includes(`--${name}`), name);
  }
});

test('no command has two options of one name or letter, and only the last argument may repeat', () => {
  const names = commandTable.map(({ name }) => name);
  assert.equal([...new Set(names)], names);
  for (const { name, options, args } of commandTable) {
    const spelled = options.flatMap((option) => [option.name, option.short ?? []].flat());
    assert.equal([...new Set(spelled)], spelled, name);
    assert.equal(
      args.slice(0, -1).filter(({ isMany, isOptional }) => isMany ?? isOptional),
      [],
      name,
    );
  }
});

test.run();
