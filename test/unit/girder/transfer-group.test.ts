import { setImmediate } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TotalProgress } from '../../../src/girder/download/total-progress.ts';
import { TransferGroup, TransferLane } from '../../../src/girder/transfer-group.ts';

const never = new AbortController().signal;

test('a lane runs as many tasks at once as it may, and not one more', async () => {
  const group = new TransferGroup(never);
  const lane = new TransferLane(group, 3);
  let [running, most, done] = [0, 0, 0];
  const task = async () => {
    running += 1;
    most = Math.max(most, running);
    await setImmediate();
    running -= 1;
    done += 1;
  };
  for (let number = 0; number < 20; number += 1) await lane.start(task);
  assert.ok(done < 20, 'the last ones have only begun');
  await lane.idle();
  await group.finish();
  assert.equal([most, done], [3, 20]);
});

test('the first failure is what the group ends with, after all that runs has stopped', async () => {
  const group = new TransferGroup(never);
  const lane = new TransferLane(group, 2);
  let hasStopped = false;
  await lane.start(async () => {
    await new Promise((resolve) => group.signal.addEventListener('abort', resolve));
    await setImmediate();
    hasStopped = true;
    throw new Error('second');
  });
  await lane.start(() => Promise.reject(new Error('first')));
  const refused: unknown = await lane.start(() => Promise.resolve()).catch((error: unknown) => error);
  const thrown: unknown = await group.finish().catch((error: unknown) => error);
  assert.equal([(refused as Error).message, (thrown as Error).message], ['first', 'first']);
  assert.ok(hasStopped);
});

test("the caller's cancel is the reason when it comes first", async () => {
  const controller = new AbortController();
  const group = new TransferGroup(controller.signal);
  void group.start(async () => {
    await new Promise((resolve) => group.signal.addEventListener('abort', resolve));
    throw new Error('broken by the cancel');
  });
  controller.abort(new Error('cancelled'));
  const thrown: unknown = await group.finish().catch((error: unknown) => error);
  assert.is((thrown as Error).message, 'cancelled');
});

test('progress has no total before all is listed, and counts a restarted file once', () => {
  const seen: (number | undefined)[][] = [];
  const progress = new TotalProgress((...now) => void seen.push(now));
  const known = progress.file(10);
  const unknown = progress.file(undefined);
  known(6, 10);
  unknown(5, undefined);
  known(0, 10);
  known(10, 10);
  progress.listed();
  unknown(8, 20);
  unknown(20, 20);
  assert.equal(seen, [
    [6, undefined],
    [11, undefined],
    [5, undefined],
    [15, undefined],
    [15, 15],
    [18, 30],
    [30, 30],
  ]);
});

test.run();
