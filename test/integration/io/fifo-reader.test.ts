import { createHash } from 'node:crypto';
import { existsSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { ByteSink } from '../../../src/io/byte-sink.ts';
import { ConfinedPathError } from '../../../src/io/confined.ts';
import { FifoReader } from '../../../src/io/fifo-reader.ts';
import { makeFifo } from '../../../src/io/fifo.ts';
import { until } from '../../fixtures/until.ts';
import {
  assertNothingLeaked,
  begin,
  type FifoContext,
  cleanUp,
  rejection,
  shell,
  warmUp,
} from './fifo-fixture.ts';

const test = suite<FifoContext>('a named pipe that the target writes');
test.before(warmUp);
test.before.each(begin);
test.after.each(cleanUp);

const patient = { idleMs: 5_000, totalMs: 15_000 };

/** Keeps each read of the pipe as one text. */
function keeper(): Pick<ByteSink, 'write'> & { readonly texts: string[] } {
  const texts: string[] = [];
  return { texts, write: (chunk) => void texts.push(chunk.toString()) };
}

async function openOut(root: string): Promise<FifoReader> {
  return FifoReader.open(root, await makeFifo(root, 'out'));
}

test('a pipe that is opened, closed and opened again is one stream', async ({ root }) => {
  const reader = await openOut(root);
  const sink = keeper();
  reader.pump(sink);
  const script = 'echo one > out; sleep 0.2; echo two > out; : > out; sleep 0.2; echo three > out';
  assert.is((await shell(root, script).ended).code, 0);
  assert.equal(await reader.finish(patient), { bytes: 14, isComplete: true });
  assert.is(sink.texts.join(''), 'one\ntwo\nthree\n');
});

test('the bytes of several writers at once all arrive', async ({ root }) => {
  const reader = await openOut(root);
  const sink = keeper();
  reader.pump(sink);
  await shell(root, 'for i in 1 2 3 4 5; do (echo "line $i" > out) & done; wait').ended;
  assert.is((await reader.finish(patient)).bytes, 35);
  assert.equal(
    sink.texts.join('').trim().split('\n').toSorted(),
    ['1', '2', '3', '4', '5'].map((i) => `line ${i}`),
  );
});

test('a pipe that was never opened is complete and empty at once', async ({ root }) => {
  const reader = await openOut(root);
  reader.pump(keeper());
  const before = performance.now();
  assert.equal(await reader.finish(patient), { bytes: 0, isComplete: true });
  assert.ok(performance.now() - before < 5_000);
});

test('a last line without a newline is kept', async ({ root }) => {
  const reader = await openOut(root);
  const sink = keeper();
  reader.pump(sink);
  await shell(root, 'printf "one\\ntwo" > out').ended;
  assert.is((await reader.finish(patient)).isComplete, true);
  assert.is(sink.texts.join(''), 'one\ntwo');
});

test('bytes that a writer left before pumping, or before it was killed, are read', async ({ root }) => {
  const reader = await openOut(root);
  await shell(root, 'exec > out; echo something; kill -9 $$').ended;
  const sink = keeper();
  reader.pump(sink);
  assert.equal(await reader.finish(patient), { bytes: 10, isComplete: true });
});

test('a slow sink gets every byte, one write at a time, from one buffer', async ({ root }) => {
  const reader = await FifoReader.open(root, await makeFifo(root, 'out'), { bufferBytes: 16 * 1024 });
  const hash = createHash('sha256');
  const memory = new Set<ArrayBufferLike>();
  let atOnce = 0;
  const write = async (chunk: Buffer) => {
    atOnce += 1;
    assert.is(atOnce, 1);
    assert.ok(chunk.length <= 16 * 1024);
    memory.add(chunk.buffer);
    await sleep(2);
    hash.update(chunk);
    atOnce -= 1;
  };
  reader.pump({ write });
  const target = shell(root, 'head -c 2000000 /dev/urandom > file; cat file > out; sha256sum < file');
  const { text } = await target.ended;
  assert.equal(await reader.finish(patient), { bytes: 2_000_000, isComplete: true });
  assert.is(hash.digest('hex'), text.split(' ')[0]);
  assert.is(memory.size, 1);
});

test('a sink that fails is reported at once, and the target can still write everything', async ({ root }) => {
  for (const breaks of [
    () => Promise.reject(new Error('no more')),
    () => {
      throw new Error('no more');
    },
  ]) {
    const reader = await FifoReader.open(root, await makeFifo(root, 'out'));
    const failed = Promise.withResolvers<Error>();
    reader.pump({ write: breaks }, failed.resolve);
    const target = shell(root, 'echo begin > out; head -c 5000000 /dev/zero > out');
    assert.is((await failed.promise).message, 'no more');
    assert.is((await target.ended).code, 0);
    const result = await reader.finish(patient);
    assert.is(result.isComplete, false);
    assert.is(result.bytes, 0);
    assert.is(result.failure?.message, 'no more');
    rmSync(join(root, 'out'));
  }
});

test('a pipe that another process keeps open ends when it has been idle for the idle time', async ({
  root,
}) => {
  const reader = await openOut(root);
  const sink = keeper();
  reader.pump(sink);
  shell(root, 'exec > out; touch opened; while [ ! -e go ]; do sleep 0.05; done; echo late; exec sleep 30');
  await shell(root, 'echo early > out; while [ ! -e opened ]; do sleep 0.05; done').ended;
  const finished = reader.finish({ idleMs: 5_000, totalMs: 60_000 });
  writeFileSync(join(root, 'go'), '');
  assert.equal(await finished, { bytes: 11, isComplete: false });
  assert.is(sink.texts.join(''), 'early\nlate\n');
});

test('a pipe that is never idle ends when the total time is over', async ({ root }) => {
  const reader = await openOut(root);
  const sink = keeper();
  reader.pump(sink);
  shell(root, 'exec > out; while sleep 0.05; do echo more; done');
  await until('the first bytes have arrived', () => sink.texts.length > 0);
  const before = performance.now();
  const { bytes, isComplete } = await reader.finish({ idleMs: 10_000, totalMs: 500 });
  assert.ok(performance.now() - before < 5_000);
  assert.is(isComplete, false);
  assert.ok(bytes > 0);
});

test('a slow sink does not count as an idle pipe, and a sink that hangs ends with the total time', async ({
  root,
}) => {
  const reader = await openOut(root);
  await shell(root, 'echo one > out').ended;
  reader.pump({ write: () => sleep(700) });
  assert.equal(await reader.finish({ idleMs: 200, totalMs: 15_000 }), { bytes: 4, isComplete: true });

  const hanging = await FifoReader.open(root, await makeFifo(root, 'other'));
  await shell(root, 'echo one > other').ended;
  hanging.pump({ write: () => new Promise(() => undefined) });
  assert.equal(await hanging.finish({ idleMs: 100, totalMs: 400 }), { bytes: 0, isComplete: false });
});

test('a signal ends the wait for the end of the stream', async ({ root }) => {
  const reader = await openOut(root);
  reader.pump(keeper());
  shell(root, 'exec > out; touch opened; exec sleep 30');
  await until('the pipe is open', () => existsSync(join(root, 'opened')));
  const result = await reader.finish({ ...patient, signal: AbortSignal.timeout(200) });
  assert.equal(result, { bytes: 0, isComplete: false });
});

test('closing is possible at any time and more than once', async ({ root }) => {
  const unused = await openOut(root);
  unused.close();
  unused.close();
  assert.throws(() => unused.pump(keeper()));
  assert.equal(await unused.finish(patient), { bytes: 0, isComplete: false });

  const reader = await FifoReader.open(root, await makeFifo(root, 'other'));
  const written = Promise.withResolvers<void>();
  const write = () => {
    written.resolve();
    return new Promise<void>(() => undefined);
  };
  reader.pump({ write });
  const target = shell(root, 'head -c 5000000 /dev/zero > other; echo $?');
  await written.promise;
  reader.close();
  assert.is((await target.ended).text, '141', 'the writer gets SIGPIPE');
  reader.close();
});

test('a pipe that was replaced is refused, whatever replaced it', async ({ root }) => {
  const fifo = await makeFifo(root, 'out');
  const replace = {
    link: () => symlinkSync('secret', join(root, 'out')),
    file: () => writeFileSync(join(root, 'out'), ''),
    pipe: async () => {
      await makeFifo(root, 'foreign');
      renameSync(join(root, 'foreign'), join(root, 'out'));
    },
    nothing: () => undefined,
  };
  writeFileSync(join(root, 'secret'), 'secret');
  for (const [what, put] of Object.entries(replace)) {
    // The old pipe is kept, so that its inode is not reused.
    if (existsSync(join(root, 'out'))) renameSync(join(root, 'out'), join(root, `moved by ${what}`));
    await put();
    const error = await rejection(FifoReader.open(root, fifo));
    assert.instance(error, ConfinedPathError, what);
    assert.is((error as ConfinedPathError).problem, what === 'nothing' ? 'missing' : 'unsafe');
  }
});

test('no test leaves a descriptor open', assertNothingLeaked);

test.run();
