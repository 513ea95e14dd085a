import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import { askWorkerOver, WorkerPoller } from '../../../src/controller/observe/worker-reports.ts';
import type { ObservedPod } from '../../../src/controller/observe/observed.ts';
import { aPod } from '../../fixtures/builders.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { until } from '../../fixtures/until.ts';
import { WorkerEndpoint } from '../../fixtures/worker-endpoint.ts';

type World = {
  poller: WorkerPoller;
  endpoint: WorkerEndpoint;
  /** The pod that the cache has. */
  pod: ObservedPod | undefined;
  /** How often the run was woken. */
  woken: number;
};

const address = '127.0.0.1';
const running = aPod({ kind: 'running' }, { podIP: address });
/** The poller on a real endpoint; when it polls and which runs it wakes is in test/unit, on virtual time. */
const test = suite<World>('worker poller');

test.before.each(async (world) => {
  const [port = 0] = await freePorts(1);
  world.endpoint = await WorkerEndpoint.listen(address, port, { phase: 'Preparing' });
  world.pod = running;
  world.woken = 0;
  world.poller = new WorkerPoller({
    ask: askWorkerOver(port),
    podAt: (key) => (key === `${running.namespace}/${running.name}` ? world.pod : undefined),
    onChange: (runUid) => {
      assert.is(runUid, running.runUid);
      world.woken += 1;
    },
  });
});
test.after.each(async ({ poller, endpoint }) => {
  await poller.stop();
  await endpoint[Symbol.asyncDispose]();
});

test('a quiet worker is polled repeatedly, and wakes its run only for a changed report', async (world) => {
  const { poller, endpoint } = world;
  poller.podChanged(running);
  poller.podChanged(running);
  await until('the worker is polled three times', () => endpoint.questions >= 3);
  assert.equal(poller.reportOf(running.uid), { phase: 'Preparing' });
  assert.is(world.woken, 0, 'the phase Preparing is known without polling');
  const report: Report = { phase: 'Running', target: { containerID: 'c' } };
  endpoint.report = report;
  await until('the run is woken', () => world.woken === 1);
  assert.equal(poller.reportOf(running.uid), report);
});

test('a report that stays the same wakes its run once, however often it is read', async (world) => {
  const { poller, endpoint } = world;
  endpoint.report = { phase: 'Uploading', target: { containerID: 'c', exitCode: 0 } };
  poller.podChanged(running);
  await until('the run is woken', () => world.woken === 1);
  const { questions } = endpoint;
  await until('the worker is polled twice more', () => endpoint.questions >= questions + 2);
  assert.is(world.woken, 1);
});

test('the report of a worker that fails to answer three times is dropped, and its run is woken once', async (world) => {
  const { poller, endpoint } = world;
  endpoint.report = { phase: 'Preparing', progress: { message: 'Pulling' } };
  poller.podChanged(running);
  await until('the report is received', () => poller.reportOf(running.uid) !== undefined);
  await endpoint[Symbol.asyncDispose]();
  await until('the report is dropped', () => poller.reportOf(running.uid) === undefined, {
    withinMs: 20_000,
  });
  assert.is(world.woken, 1);
});

test('the report of another pod, which has the address by now, does not count', async (world) => {
  const { poller, endpoint } = world;
  endpoint.podUid = 'another-pod';
  endpoint.report = { phase: 'Running', target: { containerID: 'of another run' } };
  poller.podChanged(running);
  await until('the worker is asked three times', () => endpoint.questions >= 3, { withinMs: 20_000 });
  assert.is(poller.reportOf(running.uid), undefined);
});

test.run();
