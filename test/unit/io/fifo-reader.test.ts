import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuietTime } from '../../../src/io/fifo-reader.ts';

function start(milliseconds: number): { quiet: QuietTime; calls: () => number } {
  let calls = 0;
  return { quiet: new QuietTime(milliseconds, () => (calls += 1)), calls: () => calls };
}

/**
 * Sleeps, and then lets the event loop poll for input again, in case the process was blocked for all that
 * time.
 */
async function passed(milliseconds: number): Promise<void> {
  await sleep(milliseconds);
  for (let turns = 0; turns < 3; turns += 1) await turn();
}

test('without an interruption the time ends once', async () => {
  const { calls } = start(20);
  await passed(150);
  assert.is(calls(), 1);
});

test('each interruption starts the time again, and a pause stops it', async () => {
  const { quiet, calls } = start(300);
  for (let i = 0; i < 4; i += 1) {
    await sleep(100);
    quiet.interrupt();
  }
  assert.is(calls(), 0);
  quiet.pause();
  await sleep(500);
  assert.is(calls(), 0);
  quiet.interrupt();
  await passed(500);
  assert.is(calls(), 1);
});

test('input that arrived while the process was blocked counts before the time ends', async () => {
  const { quiet, calls } = start(20);
  const end = performance.now() + 60;
  while (performance.now() < end);
  setImmediate(() => quiet.interrupt());
  await sleep(1);
  assert.is(calls(), 0);
  quiet.pause();
});

test.run();
