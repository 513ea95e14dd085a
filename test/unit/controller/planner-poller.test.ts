import * as assert from 'uvu/assert';
import { maxWindowBytes, maxWindowDepth, parsePlannerReport } from '../../../src/api/set/window.ts';
import type { PlannerReport } from '../../../src/api/set/window.ts';
import { PlannerPoller } from '../../../src/controller/set/observe/planner-poller.ts';
import type { PlannerPod } from '../../../src/controller/set/observe/observed-set.ts';
import { aPod } from '../../fixtures/builders.ts';
import { aPlannerReport } from '../../fixtures/builders-set.ts';
import { suite } from '../../fixtures/suite.ts';
import { VirtualClock } from '../../fixtures/virtual-clock.ts';

type World = {
  clock: VirtualClock;
  poller: PlannerPoller;
  report: PlannerReport | undefined;
  /** What each question had as `after` and `done`. */
  questions: { after: number; isDone: boolean }[];
  pod: PlannerPod | undefined;
  woken: number;
};

const running: PlannerPod = { ...aPod({ kind: 'running' }, { podIP: '10.0.0.1' }), setUid: 'set-uid' };
const test = suite<World>('planner poller');

test.before.each((world) => {
  const clock = new VirtualClock();
  Object.assign(world, { clock, report: aPlannerReport(), questions: [], pod: running, woken: 0 });
  world.poller = new PlannerPoller({
    ask: async (_, question) => {
      world.questions.push({ ...question });
      return world.report;
    },
    podAt: () => world.pod,
    onChange: ({ setUid }) => {
      assert.is(setUid, 'set-uid');
      world.woken += 1;
    },
    clock,
  });
  world.poller.podChanged(running);
});

test('while something waits for the answer, a planner is asked each second, and else seldom', async (world) => {
  const { clock, poller, questions } = world;
  await clock.pass(5_500);
  assert.is(questions.length, 6);
  poller.ask({ podUid: running.uid, after: 0, isDone: false, isUrgent: false });
  await clock.pass(1_000);
  questions.length = 0;
  await clock.pass(60_000);
  assert.is(questions.length, 6);
});

test('a set is woken by a changed answer only', async (world) => {
  const { clock } = world;
  await clock.pass(5_000);
  assert.is(world.woken, 1);
  world.report = aPlannerReport({ state: 'Draining' });
  await clock.pass(1_000);
  assert.is(world.woken, 2);
});

test('what was acknowledged never falls, and news is sent at once', async (world) => {
  const { clock, poller, questions } = world;
  await clock.pass(500);
  const question = { podUid: running.uid, isDone: false, isUrgent: true };
  poller.ask({ ...question, after: 25 });
  await clock.pass(300);
  poller.ask({ ...question, after: 10, isDone: true });
  await clock.pass(300);
  assert.equal(questions.slice(1), [
    { after: 25, isDone: false },
    { after: 25, isDone: true },
  ]);
});

test('after five questions without an answer, the last report does not count, and the set is woken', async (world) => {
  const { clock, poller } = world;
  await clock.pass(500);
  assert.ok(poller.reportOf(running.uid));
  world.report = undefined;
  await clock.pass(120_000);
  assert.equal([poller.reportOf(running.uid), world.woken], [undefined, 2]);
  world.report = aPlannerReport();
  await clock.pass(60_000);
  assert.equal([poller.reportOf(running.uid), world.woken], [world.report, 3]);
});

test('a pod that has ended is forgotten', async (world) => {
  const { clock, poller } = world;
  await clock.pass(500);
  world.pod = { ...running, worker: { kind: 'terminated', exitCode: 0, reason: '', report: undefined } };
  await clock.pass(2_000);
  assert.is(poller.size, 0);
});

test('an answer that is too long, too deep or of another pod is none', () => {
  const report = aPlannerReport({ podUID: 'p' });
  assert.equal(parsePlannerReport(JSON.stringify(report), 'p'), report);
  assert.is(parsePlannerReport(JSON.stringify(report), 'q'), undefined);
  const long = { ...report, message: 'x'.repeat(maxWindowBytes) };
  assert.is(parsePlannerReport(JSON.stringify(long), 'p'), undefined);
  const deep = JSON.stringify({ ...report, extra: 0 }).replace(
    '"extra":0',
    `"extra":${'['.repeat(maxWindowDepth)}${']'.repeat(maxWindowDepth)}`,
  );
  assert.is(parsePlannerReport(deep, 'p'), undefined);
});

test.run();
