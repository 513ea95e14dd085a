import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { ApiProxy } from '../../fixtures/api-proxy.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { led } from '../../fixtures/replicas.ts';
import { ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { StatusHistory } from '../../fixtures/status-history.ts';

/** The whole controller behind a proxy that causes faults while runs proceed from Job to end. */
let plane: ControlPlane;
let proxy: ApiProxy;
let controller: ControllerProcess;
let history: StatusHistory;
let cluster: SimulatedCluster;

test.before(async () => {
  plane = await startControlPlane();
  proxy = await ApiProxy.start(plane);
  controller = await ControllerProcess.start(plane.kubeconfigFor(proxy.url));
  history = new StatusHistory(plane.connect());
  cluster = await SimulatedCluster.start(plane);
  await led(plane.client, [controller]);
  const [first, second] = [
    new ScriptedRun(cluster, 'first', 'default'),
    new ScriptedRun(cluster, 'second', 'default'),
  ];
  staged.push(first, second);
  applied = staged.length;
  for (const run of staged) await run.apply();
  for (const run of staged) await run.hasJob();
  await first.podRuns(1);
  await first.is(['Preparing']);
});

test.after(async () => {
  await cluster[Symbol.asyncDispose]();
  await history[Symbol.asyncDispose]();
  await controller[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await plane.close();
});

/** How many runs were applied, and how many answers to the creation of a Job were lost. */
let [applied, lostAnswers] = [0, 0];

/** Runs at three steps: the first has a running pod, the second a Job; the third is not yet applied. */
const staged: ScriptedRun[] = [];

/** Every run passes through three tests, one step in each, so that each fault occurs at every step. */
function nextRuns(name: string): [ScriptedRun, ScriptedRun, ScriptedRun] {
  const [toEnd, toStart] = staged.splice(0);
  if (toEnd === undefined || toStart === undefined) throw new Error('an earlier test has failed');
  const toApply = new ScriptedRun(cluster, name, 'default');
  staged.push(toStart, toApply);
  return [toEnd, toStart, toApply];
}

const watchedKinds = ['dockerruns', 'jobs', 'pods'];
const watches = () => proxy.watches().filter(({ resource }) => watchedKinds.includes(resource));
const later = { status: 429, reason: 'TooManyRequests', retryAfter: 1 };
const broken = { status: 500, reason: 'InternalError' };
const tooOld = { status: 410, reason: 'Expired' };

/** The faults, each of which occurs before a step of each run. */
const faults: Record<string, () => void> = {
  'every watch is reset': () => watches().forEach((watch) => watch.reset()),
  'every watch ends regularly': () => watches().forEach((watch) => watch.end()),
  'every watch breaks in the middle of its next event': () => watches().forEach((watch) => watch.cutNext()),
  'every watch sends a line that is not an event': () => watches().forEach((watch) => watch.garble()),
  'every open watch expires': () => watches().forEach((watch) => watch.expire()),
  'every watch is reset, and expired when it reconnects': () => {
    for (const kind of watchedKinds) proxy.fail('watch', kind, tooOld);
    for (const watch of watches()) watch.reset();
  },
  'every watch is reset, and throttled when it reconnects': () => {
    for (const kind of watchedKinds) proxy.fail('watch', kind, later);
    for (const watch of watches()) watch.reset();
  },
  'every watch is reset, and refused twice when it reconnects': () => {
    for (const kind of watchedKinds) proxy.fail('watch', kind, broken, 2);
    for (const watch of watches()) watch.reset();
  },
  'every connection is reset, also the idle ones': () => proxy.resetAll(),
  'the writes of the controller are throttled': () => {
    proxy.fail('create', 'jobs', later);
    proxy.fail('patch', 'dockerruns/status', later);
  },
  'the writes of the controller are stored, but the answers are lost': () => {
    proxy.fail('create', 'jobs', { loseAnswer: true });
    lostAnswers += 1;
    proxy.fail('patch', 'dockerruns/status', { loseAnswer: true });
  },
};

for (const [index, [name, fault]] of Object.entries(faults).entries()) {
  test(`${name}: runs get one Job each, start and end`, async () => {
    const began = performance.now();
    const [toEnd, toStart, toApply] = nextRuns(`run-${index}`);
    fault();
    applied += 1;
    await Promise.all([toApply.apply(), toStart.podRuns(1), toEnd.podEnds(1, succeeded)]);
    await Promise.all([toApply.hasJob(), toStart.is(['Preparing', 'Running']), toEnd.is(['Succeeded'])]);
    await toEnd.hasOneJob();
    const seconds = (performance.now() - began) / 1000;
    assert.equal(history.flaps, []);
    assert.ok(controller.isRunning);
    assert.ok(seconds < 20, `it took ${seconds.toFixed(1)} s`);
  });
}

test('the next list recovers an event of a Job that never arrived', async () => {
  const [toEnd] = nextRuns('run-dropped');
  const dropped = ['pods', 'jobs'].map((kind) => proxy.watches(kind)[0]);
  for (const watch of dropped) watch?.dropNext();
  await toEnd.podEnds(1, succeeded);
  for (const watch of dropped) watch?.expire();
  await toEnd.is(['Succeeded']);
  await toEnd.hasOneJob();
  assert.equal(history.flaps, []);
});

test('no run got a second Job', () => {
  assert.is(proxy.count('create', 'jobs', 201), applied - lostAnswers);
});

test.run();
