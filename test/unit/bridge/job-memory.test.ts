import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { JobMemory, keepDeletedMs, mostDeleted } from '../../../src/bridge/follow/job-memory.ts';
import type { FollowedRun } from '../../../src/bridge/runs/followed-run.ts';
import { until } from '../../fixtures/until.ts';

const aRun: FollowedRun = {
  namespace: 'lab',
  name: 'girder-1',
  uid: 'u',
  taskId: '1',
  createdAt: 0,
  job: { id: 'j', secret: { name: 'girder-1', key: 'jobToken' } },
  notes: [],
  notBefore: undefined,
  isReported: false,
  isSuspended: false,
  isCancelled: false,
  phase: 'Pending',
  reason: 'Pending',
  message: '',
  completedAt: undefined,
  attempts: 0,
};
const key = 'lab/girder-1';

/** A memory with a cache that the test fills, and the number of its reads. */
function aMemory() {
  const world = { run: undefined as FollowedRun | undefined, now: 10_000, reads: 0 };
  const memory = new JobMemory({
    runAt: () => world.run,
    readToken: () => {
      world.reads += 1;
      return Promise.resolve('token');
    },
    now: () => world.now,
  });
  const show = (run: FollowedRun | undefined) => {
    world.run = run;
    memory.changed(key);
  };
  const knows = (size: number) => until('it knows', () => memory.size, { holds: (seen) => seen === size });
  return { world, memory, show, knows };
}

test('the token of an open job is read once, and still known when its run was deleted', async () => {
  const { world, memory, show, knows } = aMemory();
  show(aRun);
  await knows(1);
  assert.is(await memory.tokenOf(aRun), 'token');
  assert.is(world.reads, 1);
  assert.equal(memory.deleted(), []);
  show(undefined);
  await until('it is deleted', () => memory.deleted().length);
  assert.equal(memory.deleted(), [{ run: aRun, token: 'token', deletedAt: 10_000 }]);
  await memory.stop();
});

test('a job that has ended is not kept, nor one whose run was deleted a while ago', async () => {
  const { world, memory, show, knows } = aMemory();
  show(aRun);
  await knows(1);
  show({ ...aRun, isReported: true });
  await knows(0);
  show(aRun);
  await knows(1);
  show(undefined);
  await until('it is deleted', () => memory.deleted().length);
  world.now += keepDeletedMs;
  show(undefined);
  await knows(0);
  await memory.stop();
});

test('a run of the same name has the token of its own Secret', async () => {
  const { world, memory, show, knows } = aMemory();
  show(aRun);
  await knows(1);
  assert.is(await memory.tokenOf({ ...aRun, uid: 'other' }), 'token');
  assert.is(world.reads, 2);
  await memory.stop();
});

test('only so many deleted runs are kept', async () => {
  const runs = new Map<string, FollowedRun>();
  const memory = new JobMemory({
    runAt: (name) => runs.get(name),
    readToken: () => Promise.resolve('token'),
    now: () => 10_000,
  });
  const names = Array.from({ length: mostDeleted + 10 }, (_, index) => `girder-${index}`);
  for (const name of names) {
    runs.set(`lab/${name}`, { ...aRun, name, uid: name });
    memory.changed(`lab/${name}`);
  }
  await until('all are known', () => memory.size, { holds: (size) => size === names.length });
  runs.clear();
  for (const name of names) memory.changed(`lab/${name}`);
  await until('the rest is forgotten', () => memory.size, { holds: (size) => size === mostDeleted });
  await memory.stop();
});

test.run();
