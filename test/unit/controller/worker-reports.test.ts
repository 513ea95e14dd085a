import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import type { ObservedPod } from '../../../src/controller/observe/observed.ts';
import { WorkerPoller } from '../../../src/controller/observe/worker-reports.ts';
import { aPod } from '../../fixtures/builders.ts';
import { VirtualClock } from '../../fixtures/virtual-clock.ts';

type World = {
  clock: VirtualClock;
  poller: WorkerPoller;
  /** What the worker answers; nothing when it does not. */
  report: Report | undefined;
  questions: number;
  /** The pod that the cache has. */
  pod: ObservedPod | undefined;
  /** How often the run was woken. */
  woken: number;
};

const running = aPod({ kind: 'running' }, { podIP: '10.0.0.1' });
const test = suite<World>('worker poller');

test.before.each((world) => {
  const clock = new VirtualClock();
  Object.assign(world, { clock, report: { phase: 'Preparing' }, questions: 0, pod: running, woken: 0 });
  world.poller = new WorkerPoller({
    ask: async ({ podIP, uid }) => {
      assert.equal([podIP, uid], [running.podIP, running.uid]);
      world.questions += 1;
      return world.report;
    },
    podAt: (key) => (key === `${running.namespace}/${running.name}` ? world.pod : undefined),
    onChange: (runUid) => {
      assert.is(runUid, running.runUid);
      world.woken += 1;
    },
    clock,
  });
});
test.after.each(({ poller }) => poller.stop());

const progress = (percent: number): Report => ({
  phase: 'Preparing',
  progress: { message: 'Downloading ct', percent },
});

test('a quiet worker is asked about once a second, or every four while it runs, and wakes nobody', async (world) => {
  const { clock, poller } = world;
  poller.podChanged(running);
  poller.podChanged(running);
  await clock.pass(60_000);
  assert.ok(world.questions >= 54 && world.questions <= 67, `${world.questions} questions`);
  assert.is(world.woken, 0, 'that a worker prepares is known without asking');
  world.report = { phase: 'Running', target: { containerID: 'c' } };
  await clock.pass(1_100);
  assert.is(world.woken, 1);
  assert.equal(poller.reportOf(running.uid), world.report);
  const { questions } = world;
  await clock.pass(3_600_000);
  const more = world.questions - questions;
  assert.ok(more >= 810 && more <= 1_001, `${more} questions`);
  assert.is(world.woken, 1);
});

test('mere progress is heard at once, but wakes the run five seconds after it was woken last', async (world) => {
  const { clock, poller } = world;
  poller.start([running]);
  world.report = progress(1);
  await clock.pass(5_000);
  assert.is(poller.reportOf(running.uid)?.progress?.percent, 1);
  assert.is(world.woken, 0);
  await clock.pass(1_500);
  assert.is(world.woken, 1);
});

test('progress that never stops wakes the run every five to seven seconds', async (world) => {
  const { clock, poller } = world;
  poller.start([running]);
  for (let percent = 0; percent < 100; percent += 1) {
    world.report = progress(percent);
    await clock.pass(1_000);
  }
  assert.ok(world.woken >= 14 && world.woken <= 19, `woken ${world.woken} times`);
});

test('a worker that does not answer three times says nothing any more, and its run is told once', async (world) => {
  const { clock, poller } = world;
  world.report = { phase: 'Preparing', progress: { message: 'Pulling' } };
  poller.podChanged(running);
  await clock.pass(500);
  assert.equal(poller.reportOf(running.uid), world.report);
  world.report = undefined;
  await clock.pass(60_000);
  assert.is(poller.reportOf(running.uid), undefined);
  assert.is(world.woken, 1);
});

test('a pod that is gone is not asked about', async (world) => {
  const { clock, poller } = world;
  poller.podChanged(running);
  await clock.pass(500);
  assert.is(world.questions, 1);
  world.pod = undefined;
  await clock.pass(3_600_000);
  assert.equal([poller.size, world.questions], [0, 1]);
});

test('a thousand workers that do not answer delay no question to one that does, and are asked seldom', async () => {
  const clock = new VirtualClock();
  const silent = Array.from({ length: 1_000 }, (_, index) =>
    aPod({ kind: 'running' }, { name: `silent-${index}`, uid: `silent-${index}`, podIP: '10.0.0.2' }),
  );
  const pods = new Map([...silent, running].map((pod) => [`${pod.namespace}/${pod.name}`, pod]));
  const asked = { silent: 0, healthy: 0 };
  const poller = new WorkerPoller({
    ask: async ({ uid }) => {
      if (uid === running.uid) {
        asked.healthy += 1;
        return { phase: 'Uploading' };
      }
      asked.silent += 1;
      await new Promise<void>((resolve) => clock.after(400, resolve));
      return undefined;
    },
    podAt: (key) => pods.get(key),
    onChange: () => undefined,
    clock,
  });
  poller.start([...pods.values()]);
  await clock.pass(60_000);
  asked.healthy = 0;
  await clock.pass(60_000);
  assert.ok(asked.healthy >= 54 && asked.healthy <= 67, `${asked.healthy} questions in a minute`);
  assert.is(poller.unreachable, 1_000);
  asked.silent = 0;
  await clock.pass(60_000);
  assert.ok(asked.silent <= 2_000, `${asked.silent} questions to a thousand silent workers in a minute`);
  const stopped = poller.stop();
  await clock.pass(2_000);
  await stopped;
});

test.run();
