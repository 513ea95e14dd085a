import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Printer, ThrottledProgress, resultLines } from '../../../src/cli/local/console.ts';

const pulling = (percent: number) => ({
  phase: 'Preparing' as const,
  progress: { message: 'Pulling a', percent },
});

/** Resolves when the target's bytes are written. */
const written = (printer: Printer, bytes: Buffer) =>
  new Promise((resolve) => printer.target.write(bytes, resolve));

test('each phase is printed once', () => {
  const lines = new ThrottledProgress();
  const running = { phase: 'Running' as const, target: { containerID: '0123456789abcdef' } };
  assert.equal(lines.next({ phase: 'Preparing' }, 0), ['pulling the image and downloading the inputs']);
  assert.equal(lines.next({ phase: 'Preparing' }, 9_000), []);
  assert.equal(lines.next(running, 9_000), ['running the target (container 0123456789ab)']);
  assert.equal(lines.next({ ...running, progress: { message: 'The target is running.' } }, 20_000), []);
});

test('progress is printed every 2 seconds or every 10 percent', () => {
  const lines = new ThrottledProgress();
  const printed = [
    lines.next(pulling(0), 0).at(-1),
    ...lines.next(pulling(5), 500),
    ...lines.next(pulling(12), 800),
    ...lines.next(pulling(13), 2_700),
    ...lines.next(pulling(14), 2_900),
    ...lines.next(pulling(14), 9_000),
  ];
  assert.equal(printed, ['Pulling a (0 %)', 'Pulling a (12 %)', 'Pulling a (14 %)']);
});

test('a run that waits for the engine does not name a setting of the operator', () => {
  const message = 'It does not answer on /run/d.sock (setting DOCKERRUN_DOCKER_SOCKET): refused';
  const lines = new ThrottledProgress().next({ phase: 'Preparing', progress: { message } }, 0);
  assert.is(lines.at(-1), 'It does not answer on /run/d.sock: refused');
});

test('a result is printed with its ids and the address of its page, and results that are not listed are counted', () => {
  const result = { name: 'out.txt', itemId: 'i', fileId: 'f', size: 3, sha256: '' };
  const line = 'result out.txt: file f in item i (3 bytes)';
  assert.equal(resultLines([result], 1), [line]);
  assert.equal(resultLines([result, result], 1000), [line, line, 'and 998 more, 1000 results in all']);
  assert.equal(resultLines([], 0), []);
  const page = 'https://data.example.org/girder/#item/i';
  assert.equal(resultLines([result], 1, 'https://data.example.org/girder/api/v1/'), [`${line}, ${page}`]);
  assert.equal(resultLines([result], 1, 'https://api.example.org'), [line]);
});

test("our lines start on a new line, and the target's bytes are unchanged", async () => {
  const out = new PassThrough();
  const printer = new Printer(out, false);
  printer.print('one');
  await written(printer, Buffer.from([0xff, 0x0a]));
  printer.print('two');
  await written(printer, Buffer.from('half'));
  printer.print('three\u001b[31m\nand on');
  const expected = Buffer.concat([
    Buffer.from('dockerrun: one\n'),
    Buffer.from([0xff, 0x0a]),
    Buffer.from('dockerrun: two\nhalf\ndockerrun: three\u{fffd}[31m and on\n'),
  ]);
  assert.is((out.read() as Buffer).toString('hex'), expected.toString('hex'));
});

test('a quiet printer prints only warnings', () => {
  const out = new PassThrough();
  const printer = new Printer(out, true);
  printer.print('one');
  printer.warn('two');
  assert.is(String(out.read()), 'dockerrun: two\n');
});

test.run();
