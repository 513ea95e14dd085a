import { createHash, randomBytes } from 'node:crypto';
import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { ConfinedPathError } from '../../../src/io/confined.ts';
import { FifoError, makeFifo } from '../../../src/io/fifo.ts';
import { CannotRestart, FifoWriter, ReaderGone } from '../../../src/io/fifo-writer.ts';
import {
  assertNothingLeaked,
  begin,
  type FifoContext,
  cleanUp,
  rejection,
  shell,
  soon,
  warmUp,
} from './fifo-fixture.ts';

const test = suite<FifoContext>('a named pipe that the target reads');
test.before(warmUp);
test.before.each(begin);
test.after.each(cleanUp);

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

async function openIn(root: string): Promise<FifoWriter> {
  return FifoWriter.open(root, await makeFifo(root, 'in'));
}

test('a slow reader gets every byte, although one buffer is reused for every write', async ({ root }) => {
  const writer = await openIn(root);
  const target = shell(root, '(sleep 0.3; dd bs=1000 status=none count=500; cat) < in | sha256sum');
  await writer.opened(soon());
  const data = randomBytes(3_000_000);
  const buffer = Buffer.alloc(256 * 1024);
  for (let at = 0; at < data.length; at += buffer.length) {
    const size = data.copy(buffer, 0, at);
    await writer.write(buffer.subarray(0, size));
  }
  await writer.end();
  assert.is((await target.ended).text.split(' ')[0], sha256(data));
  assert.is(writer.bytes, data.length);
  writer.close();
});

test('a write waits until the reader reads', async ({ root }) => {
  const writer = await openIn(root);
  const target = shell(root, '(while [ ! -e go ]; do sleep 0.05; done; wc -c) < in');
  await writer.opened(soon());
  let isWritten = false;
  const writing = writer.write(Buffer.alloc(500_000))?.then(() => (isWritten = true));
  await sleep(300);
  assert.is(isWritten, false);
  writeFileSync(join(root, 'go'), '');
  await writing;
  await writer.end();
  assert.is((await target.ended).text, '500000');
  writer.close();
});

test('the target reads an empty source as an empty file', async ({ root }) => {
  const writer = await openIn(root);
  const target = shell(root, 'wc -c < in');
  await writer.opened(soon());
  assert.is(writer.write(Buffer.alloc(0)), undefined);
  await writer.end();
  assert.equal(await target.ended, { code: 0, text: '0' });
  writer.close();
});

test('waiting for a reader that never opens the pipe ends with the signal, or with closing', async ({
  root,
}) => {
  const writer = await openIn(root);
  const tooEarly = await rejection(writer.write(Buffer.from('x')));
  assert.match(String(tooEarly), 'no reader has opened');
  const reason = new Error('cancelled');
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 150);
  assert.is(await rejection(writer.opened(controller.signal)), reason);
  assert.is(await rejection(writer.opened(AbortSignal.abort(reason))), reason);
  setTimeout(() => writer.close(), 150);
  assert.instance(await rejection(writer.opened(soon())), FifoError);
  assert.instance(await rejection(writer.opened(soon())), FifoError);
  writer.close();
});

test('a reader that closes early is reported as ReaderGone', async ({ root }) => {
  const scripts = { 'head -c 10 < in': 'reads a little', 'exec 3< in; exec 3<&-': 'reads nothing' };
  for (const [index, [script, what]] of Object.entries(scripts).entries()) {
    const path = `in${index}`;
    const writer = await FifoWriter.open(root, await makeFifo(root, path));
    const target = shell(root, script.replace('< in', `< ${path}`));
    await writer.opened(soon());
    const error = await rejection(writer.write(Buffer.alloc(500_000)));
    assert.instance(error, ReaderGone, what);
    assert.is((await target.ended).code, 0);
    assert.instance(await rejection(writer.write(Buffer.from('more'))), ReaderGone);
    await writer.end();
    writer.close();
  }
});

test('a reader that is killed while a write waits is reported as ReaderGone', async ({ root }) => {
  const writer = await openIn(root);
  const target = shell(root, 'exec sleep 30 < in');
  await writer.opened(soon());
  const error = rejection(writer.write(Buffer.alloc(500_000)));
  await sleep(200);
  target.kill('SIGKILL');
  assert.instance(await error, ReaderGone);
  writer.close();
});

test('a reader that opens the pipe after its end reads end of file', async ({ root }) => {
  const writer = await openIn(root);
  const target = shell(root, 'cat in | wc -c; cat in | wc -c; sleep 0.3; head -c 1 in | wc -c; echo done');
  await writer.opened(soon());
  assert.match(String(await rejection(writer.dismiss(soon()))), 'has not ended yet');
  await writer.write(Buffer.alloc(200_000));
  await writer.end();
  const controller = new AbortController();
  const dismissing = writer.dismiss(controller.signal);
  assert.equal((await target.ended).text.split('\n'), ['200000', '0', '0', 'done']);
  controller.abort();
  await dismissing;
  writer.close();
});

test('a reader that opens the pipe after another closed it early reads end of file', async ({ root }) => {
  const writer = await openIn(root);
  const target = shell(
    root,
    'head -c 7 in; while [ ! -e gone ]; do sleep 0.05; done; cat in; cat in; echo done',
  );
  await writer.opened(soon());
  assert.instance(await rejection(writer.write(Buffer.alloc(500_000, 'x'))), ReaderGone);
  const dismissing = writer.dismiss(soon());
  writeFileSync(join(root, 'gone'), '');
  assert.equal((await target.ended).text, 'xxxxxxxdone');
  writer.close();
  await dismissing;
});

test('a slow reader loses nothing while later readers are dismissed', async ({ root }) => {
  const writer = await openIn(root);
  const target = shell(root, '(sleep 1; wc -c) < in');
  await writer.opened(soon());
  await writer.write(Buffer.alloc(60_000));
  await writer.end();
  const dismissing = writer.dismiss(soon());
  assert.is((await target.ended).text, '60000');
  writer.close();
  await dismissing;
});

test('a failed source never looks like a source that ended', async ({ root }) => {
  const writer = await openIn(root);
  const target = shell(root, 'cat in > got; touch ended');
  await writer.opened(soon());
  await writer.write(Buffer.alloc(1000));
  await sleep(300);
  assert.is(target.exitCode, null, 'the reader waits for more');
  assert.is((await shell(root, 'ls').ended).text.includes('ended'), false);
  target.kill('SIGKILL');
  await target.ended;
  writer.close();
});

test('the stream can start again until its first byte', async ({ root }) => {
  const writer = await openIn(root);
  await writer.restart();
  const target = shell(root, 'cat in');
  await writer.opened(soon());
  await writer.restart();
  await writer.write(Buffer.from('x'));
  assert.instance(await rejection(writer.restart()), CannotRestart);
  await writer.end();
  assert.is((await target.ended).text, 'x');
  writer.close();
});

test('closing makes a waiting write fail at once and never succeed', async ({ root }) => {
  const writer = await openIn(root);
  shell(root, 'exec sleep 30 < in');
  await writer.opened(soon());
  const error = rejection(writer.write(Buffer.alloc(500_000)));
  await sleep(100);
  writer.close();
  writer.close();
  assert.instance(await error, FifoError);
  assert.is(writer.bytes, 0);
});

test('a link that later replaces the pipe is not followed', async ({ root }) => {
  const fifo = await makeFifo(root, 'in');
  const writer = await FifoWriter.open(root, fifo);
  renameSync(join(root, 'in'), join(root, 'elsewhere'));
  writeFileSync(join(root, 'secret'), 'secret');
  symlinkSync('secret', join(root, 'in'));
  assert.instance(await rejection(FifoWriter.open(root, fifo)), ConfinedPathError);
  const target = shell(root, 'cat elsewhere');
  await writer.opened(soon());
  await writer.write(Buffer.from('for the pipe'));
  await writer.end();
  assert.is((await target.ended).text, 'for the pipe');
  assert.is((await shell(root, 'cat secret').ended).text, 'secret');
  writer.close();
});

test('no test leaves a descriptor open', assertNothingLeaked);

test.run();
