import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { kind } from '../../../src/api/names.ts';
import { paths } from '../../../src/kube/resources.ts';
import { recordAt, textAt } from '../../../src/kube/wire.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';
import { TcpProxy } from '../../fixtures/tcp-proxy.ts';
import { createRun, jobMadeIn, runPath } from '../../fixtures/replicas.ts';
import { StandInCluster } from '../../fixtures/stand-in-cluster.ts';
import { StatusHistory } from '../../fixtures/status-history.ts';

const alone = { DOCKERRUN_LEADER_ELECTION: 'false' };
const phaseOf = (run: unknown) => textAt(recordAt(run, 'status'), 'phase');
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Brings one run through its life, with so many milliseconds between two steps of it. */
async function live(client: KubeClient, name: string, stepMs: number): Promise<void> {
  const cluster = new StandInCluster(client);
  const run = await createRun(client, name);
  await jobMadeIn(client, run, 30_000);
  const job = await cluster.onlyJob(run.uid);
  await cluster.startPod(job);
  await pause(stepMs);
  await cluster.runWorker(job);
  await pause(stepMs);
  await cluster.succeed(job, { phase: 'Succeeded', reason: 'Succeeded', message: 'Done.' });
  await client.until(runPath(name), 'ended', { holds: (object) => phaseOf(object) === 'Succeeded' });
}

test('two that both believe to lead, one of them late: one Job a run, nothing taken back, every Event once', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using slow = await TcpProxy.start(plane.server, 700);
  await using _one = await ControllerProcess.start(plane.kubeconfig, alone);
  await using _late = await ControllerProcess.start(plane.kubeconfigFor(slow.url), alone);
  await using history = new StatusHistory(plane.connect());
  const names = Array.from({ length: 6 }, (_, index) => `run-${index}`);
  await Promise.all(names.map((name, index) => live(client, name, 100 + index * 250)));
  // The late one has not seen all of it yet.
  await pause(4_000);

  assert.is((await client.list(paths.jobs())).length, names.length);
  for (const name of names) assert.is(phaseOf(await client.get(runPath(name))), 'Succeeded');
  assert.equal(history.flaps, []);
  const events = await client.list(paths.events('default'));
  const ofRuns = events.filter((event) => textAt(recordAt(event, 'involvedObject'), 'kind') === kind);
  const told = ofRuns.map(
    (event) => `${textAt(recordAt(event, 'involvedObject'), 'name')} ${textAt(event, 'reason')}`,
  );
  assert.equal(told.toSorted(), names.map((name) => `${name} Succeeded`).toSorted());
});

test('one that has not heard for long does not start a run again that has ended and lost its Job meanwhile', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using slow = await TcpProxy.start(plane.server, 3_000);
  await using _late = await ControllerProcess.start(plane.kubeconfigFor(slow.url), alone);
  await using _one = await ControllerProcess.start(plane.kubeconfig, alone);
  await live(client, 'short', 50);
  const run = {
    name: 'short',
    uid: textAt(recordAt(await client.get(runPath('short')), 'metadata'), 'uid') ?? '',
  };
  const cluster = new StandInCluster(client);
  const job = textAt(recordAt(await cluster.onlyJob(run.uid), 'metadata'), 'name');
  await client.delete(`${paths.jobs('default')}/${job}?propagationPolicy=Background`);
  await pause(9_000);
  assert.is((await client.list(paths.jobs())).length, 0);
});

test.run();
