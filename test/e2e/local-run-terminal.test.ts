import * as assert from 'uvu/assert';
import { test } from '../fixtures/suite.ts';
import { TerminalScreen } from '../../scripts/terminal-screen.ts';
import { until } from '../fixtures/until.ts';
import { LocalLab } from './support/local-run.ts';

let lab: LocalLab;
test.before(async () => {
  lab = await LocalLab.open();
});
test.after(() => lab[Symbol.asyncDispose]());

const bar = /[█░]/;

/** A run that writes a line to both outputs with each step of its progress; `after` follows the last one. */
const counting = (after: string) =>
  lab.run({
    command: [
      'sh',
      '-c',
      `exec 3> "$(progress)"
for at in 1 2 3 4 5 6 7 8; do
  echo "{\\"message\\": \\"tiles\\", \\"current\\": $at, \\"total\\": 10}" >&3
  sleep 0.3; echo "out $at"; echo "err $at" >&2
done
${after}`,
    ],
    transforms: [{ name: 'progress', progressPipe: {} }],
    terminationGracePeriodSeconds: 1,
  });

/** What is on the screen, or has scrolled off it, once all has been written. */
async function screenAfter(bytes: Buffer, columns: number): Promise<readonly string[]> {
  const screen = new TerminalScreen(columns);
  screen.write(bytes);
  return screen.lines();
}

const ofTarget = (lines: readonly string[]) => lines.filter((line) => !line.startsWith('dockerrun: '));

test('on a terminal of 80 columns the output of the target is whole, and the bar below it is gone at the end', async () => {
  const file = await lab.file(counting('true'));
  const { code, stdout } = await lab.startOnTerminal(80, ['run', file], { NO_COLOR: '1' }).ended;
  assert.is(code, 0, stdout.toString());
  assert.match(stdout.toString(), /tiles {2}█+░+ +\d0 %/);
  assert.not.match(stdout.toString(), '\u001b[36m');
  const lines = await screenAfter(stdout, 80);
  const both = Array.from({ length: 8 }, (_, at) => [`out ${at + 1}`, `err ${at + 1}`]).flat();
  assert.equal(ofTarget(lines).toSorted(), both.toSorted(), lines.join('\n'));
  assert.match(lines.at(-1) ?? '', /^dockerrun: done: /);
});

test('Ctrl-C on a wide terminal stops the run, and leaves no bar there and no container', async () => {
  const file = await lab.file(counting('sleep 1000'));
  const run = lab.startOnTerminal(200, ['run', file]);
  await run.prints('\u001b[36m█');
  await run.prints('err 8');
  run.child.stdin?.write('\u0003');
  const { code, stdout } = await run.ended;
  assert.is(code, 130, stdout.toString());
  const lines = await screenAfter(stdout, 200);
  assert.equal(
    lines.filter((line) => bar.test(line)),
    [],
  );
  assert.match(lines.join('\n'), 'dockerrun: stopping on SIGINT');
  assert.equal(await lab.left(), []);
});

test('when the window gets narrower, no piece of the bar stays, and the output of the target is whole', async () => {
  const last = `echo '{"message": "tiles of all slides", "current": 9, "total": 10}' >&3; sleep 1000`;
  const run = lab.startOnTerminal(160, ['run', await lab.file(counting(last))], { NO_COLOR: '1' });
  const isAtRest = (lines: readonly string[]) =>
    ['out 8', 'err 8'].every((line) => lines.includes(line)) &&
    /^tiles of all slides .* 90 %$/.test(lines.at(-1) ?? '');
  const patience = { holds: isAtRest, withinMs: 60_000, everyMs: 100 };
  await until('the bar of the last progress is drawn', () => screenAfter(run.written(), 160), patience);
  const before = run.written();
  await run.resize(60);
  const narrower = async () => {
    const screen = new TerminalScreen(160);
    screen.write(before);
    await screen.lines();
    screen.resize(60);
    screen.write(run.written().subarray(before.length));
    return screen.lines();
  };
  const lines = await until('the bar is drawn again', narrower, patience);
  const both = Array.from({ length: 8 }, (_, at) => [`out ${at + 1}`, `err ${at + 1}`]).flat();
  const [bars, others] = [lines.filter((line) => bar.test(line)), lines.filter((line) => !bar.test(line))];
  assert.is(bars.length, 1, lines.join('\n'));
  assert.equal(ofTarget(others).toSorted(), both.toSorted(), lines.join('\n'));
  run.child.stdin?.write('\u0003');
  assert.is((await run.ended).code, 130);
});

test.run();
