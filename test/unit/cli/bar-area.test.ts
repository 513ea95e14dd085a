import { PassThrough, type Writable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Printer } from '../../../src/cli/local/console.ts';
import { ProgressView } from '../../../src/cli/local/progress-view.ts';
import { LiveReport } from '../../../src/worker/progress.ts';
import { TerminalScreen } from '../../../scripts/terminal-screen.ts';

/** A run whose standard output and standard error are the same terminal, and that downloads. */
function runOn(terminal: TerminalScreen, environment: NodeJS.ProcessEnv = {}) {
  const printer = new Printer(terminal, false, { environment });
  const [view, live] = [new ProgressView(printer), new LiveReport()];
  const transfer = live.beginTransfer('download', ['in']);
  const show = (bytes: number) => {
    transfer.moved(bytes, 1000);
    view.show(live, 0);
  };
  return { printer, view, live, show, stdout: printer.targetOutput(terminal) };
}

const write = (stream: Writable, text: string) =>
  new Promise<void>((resolve) => stream.write(text, () => resolve()));

const onlyLines = ['dockerrun: pulling the image and downloading the inputs'];

for (const columns of [80, 200])
  test(`on a terminal of ${columns} columns a bar changes in its place, and is gone at the end`, async () => {
    const terminal = new TerminalScreen(columns);
    const { show, view } = runOn(terminal);
    show(0);
    const first = await terminal.lines();
    assert.is(first.length, 2, first.join('\n'));
    assert.match(
      first[1] ?? '',
      columns === 80
        ? /^downloading in {2}░{22} {4}0 % of 1\.0 kB$/
        : /^downloading in {2}░{40} {4}0 % of 1\.0 kB$/,
    );
    show(500);
    const second = await terminal.lines();
    assert.is(second.length, 2, second.join('\n'));
    assert.match(second[1] ?? '', / █+░+ {3}50 % of 1\.0 kB$/);
    view[Symbol.dispose]();
    assert.equal(await terminal.lines(), onlyLines);
  });

test('what the target writes on the same terminal is whole and in order, with the bar below', async () => {
  const terminal = new TerminalScreen(80);
  const { show, view, printer, stdout } = runOn(terminal);
  show(0);
  const expected = [...onlyLines];
  for (let at = 0; at < 60; at += 1) {
    show(at * 10);
    await write(at % 2 === 0 ? stdout : printer.target, `line ${at}\n`);
    expected.push(`line ${at}`);
    if (at % 20 === 0) {
      printer.print(`note ${at}`);
      expected.push(`dockerrun: note ${at}`);
    }
    show(at * 10);
    const lines = await terminal.lines();
    assert.match(lines.at(-1) ?? '', /^downloading in/);
    assert.equal(lines.slice(0, -1), expected);
  }
  view[Symbol.dispose]();
  assert.equal(await terminal.lines(), expected);
});

test('there is no bar in an unfinished line, and our own lines begin on a new one', async () => {
  const terminal = new TerminalScreen(80);
  const { show, printer, stdout } = runOn(terminal);
  show(0);
  await write(stdout, 'half');
  show(500);
  assert.equal(await terminal.lines(), [...onlyLines, 'half']);
  await write(stdout, ' and half\n');
  show(500);
  assert.is((await terminal.lines()).length, 3);
  await write(printer.target, 'no end');
  printer.print('note');
  assert.equal((await terminal.lines()).slice(1, 4), ['half and half', 'no end', 'dockerrun: note']);
});

test('while a target draws on the terminal there are no bars, until it has ended', async () => {
  const terminal = new TerminalScreen(80);
  const { show, live, stdout } = runOn(terminal);
  live.phase = 'Running';
  live.targetProgress({ message: 'tiles', current: 1, total: 2 });
  await write(stdout, '\u001b[2Ka menu\n');
  show(0);
  assert.equal(await terminal.lines(), ['a menu', 'dockerrun: running the target']);
  live.phase = 'Uploading';
  live.beginTransfer('upload', ['out']);
  show(500);
  assert.match((await terminal.lines()).at(-1) ?? '', /^uploading out/);
});

test('a smaller or larger window gets bars of its width', async () => {
  const terminal = new TerminalScreen(200);
  const { show } = runOn(terminal);
  show(100);
  for (const columns of [120, 60, 80, 200]) {
    terminal.resize(columns);
    const before = terminal.written.length;
    show(columns);
    const drawn = terminal.written.slice(before).replace(/\u001b\[[?\d;]*[a-zA-Z]/g, '');
    for (const line of drawn.split('\n')) assert.ok(line.length < columns, `${columns}: ${line}`);
    assert.match((await terminal.lines()).at(-1) ?? '', /^downloading in/);
  }
});

for (const [what, wrapsAgain, environment] of [
  ['wraps its lines again', true, {}],
  ['cuts its lines, as xterm does,', false, { XTERM_VERSION: 'XTerm(379)' }],
  ['wraps its lines again inside of xterm, as tmux does,', true, { XTERM_VERSION: 'x', TMUX: '/tmp/tmux' }],
] as const)
  test(`when a window that ${what} gets narrower, no piece of a bar stays and no line of the target goes`, async () => {
    const terminal = new TerminalScreen(200, 24, wrapsAgain);
    const { show, live, stdout, view } = runOn(terminal, environment);
    live.beginTransfer('download', ['atlas'.repeat(10)]);
    show(100);
    await write(stdout, 'of the target\n');
    show(200);
    const others = [...onlyLines, 'of the target'];
    // This terminal hides what it cuts, and would show it again in a wider window.
    for (const columns of wrapsAgain ? [100, 60, 200, 61, 57] : [100, 60, 57]) {
      await terminal.lines();
      terminal.resize(columns);
      const lines = await terminal.lines();
      assert.equal(lines.slice(0, 2), others, `${columns}`);
      assert.is(lines.length, 4, `${columns}: ${lines.join('\n')}`);
      for (const line of lines.slice(2)) assert.match(line, /^downloading/);
    }
    view[Symbol.dispose]();
    assert.equal(await terminal.lines(), others);
  });

test('NO_COLOR leaves the colours out, and a terminal that cannot move its cursor gets lines', async () => {
  for (const [environment, isColoured, isDrawn] of [
    [{}, true, true],
    [{ NO_COLOR: '1' }, false, true],
    [{ TERM: 'dumb' }, false, false],
  ] as const) {
    const terminal = new TerminalScreen(80);
    runOn(terminal, environment).show(500);
    await terminal.lines();
    assert.is(terminal.written.includes('\u001b[36m'), isColoured, JSON.stringify(environment));
    assert.is(terminal.written.includes('\u001b['), isDrawn, JSON.stringify(environment));
    assert.is(terminal.written.includes('dockerrun: Downloading in (50 %)\n'), !isDrawn);
  }
});

test('a problem is a line, and the bar stays below it', async () => {
  const terminal = new TerminalScreen(80);
  const { show, live } = runOn(terminal);
  show(100);
  live.girderProblem = 'Girder does not answer';
  show(100);
  const lines = await terminal.lines();
  assert.equal(lines.slice(0, -1), [...onlyLines, 'dockerrun: Girder does not answer']);
  assert.match(lines.at(-1) ?? '', /^downloading in/);
});

test('with standard error elsewhere there are no bars, and with --quiet none either', () => {
  const file = new PassThrough();
  const printer = new Printer(file, false);
  const terminal = new TerminalScreen(80);
  assert.is(printer.targetOutput(terminal), terminal);
  assert.is(new Printer(terminal, true).bars, undefined);
  const other = new PassThrough();
  assert.is(
    new Printer(terminal, false).targetOutput(other),
    other,
    'a file gets the bytes of the target only',
  );
});

test.run();
