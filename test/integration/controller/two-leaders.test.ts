import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { kind } from '../../../src/api/names.ts';
import { paths } from '../../../src/kube/paths.ts';
import { recordAt, textAt } from '../../../src/kube/json.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { TcpProxy } from '../../fixtures/tcp-proxy.ts';
import { runPath } from '../../fixtures/replicas.ts';
import { StatusHistory } from '../../fixtures/status-history.ts';
import { ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';

const alone = { DOCKERRUN_LEADER_ELECTION: 'false' };
const phaseOf = (run: unknown) => textAt(recordAt(run, 'status'), 'phase');
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Brings one run to its end, with `stepMs` milliseconds between two steps. */
async function runToEnd(cluster: SimulatedCluster, name: string, stepMs: number): Promise<ScriptedRun> {
  const run = new ScriptedRun(cluster, name, 'default');
  await run.apply();
  await run.hasJob();
  await run.hasOneJob();
  await run.hasPod(1);
  await pause(stepMs);
  await run.podRuns(1);
  await pause(stepMs);
  await run.podEnds(1, succeeded);
  await run.is(['Succeeded']);
  return run;
}

/** Lets the late controller, now the only one, start a run: it has then seen all that was stored before. */
async function catchesUp(cluster: SimulatedCluster): Promise<void> {
  const marker = new ScriptedRun(cluster, 'marker', 'default');
  await marker.apply();
  await marker.hasJob();
}

test('two controllers that both lead, one of them late, make one Job a run, one Event an end, and revert no status', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using slow = await TcpProxy.start(plane.server, 700);
  await using one = await ControllerProcess.start(plane.kubeconfig, alone);
  await using _late = await ControllerProcess.start(plane.kubeconfigFor(slow.url), alone);
  await using history = new StatusHistory(plane.connect());
  await using cluster = await SimulatedCluster.start(plane);
  const names = Array.from({ length: 6 }, (_, index) => `run-${index}`);
  await Promise.all(names.map((name, index) => runToEnd(cluster, name, 100 + index * 250)));
  await one.stop();
  await catchesUp(cluster);

  assert.is((await client.list(paths.jobs())).length, names.length + 1);
  for (const name of names) assert.is(phaseOf(await client.get(runPath(name))), 'Succeeded');
  assert.equal(history.flaps, []);
  const events = await client.list(paths.events('default'));
  const ofRuns = events.filter((event) => textAt(recordAt(event, 'involvedObject'), 'kind') === kind);
  const recorded = ofRuns.map(
    (event) => `${textAt(recordAt(event, 'involvedObject'), 'name')} ${textAt(event, 'reason')}`,
  );
  assert.equal(recorded.toSorted(), names.map((name) => `${name} Succeeded`).toSorted());
});

test('a controller with an old cache does not restart a run that has ended and whose Job is deleted', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using slow = await TcpProxy.start(plane.server, 3_000);
  await using _late = await ControllerProcess.start(plane.kubeconfigFor(slow.url), alone);
  await using one = await ControllerProcess.start(plane.kubeconfig, alone);
  await using cluster = await SimulatedCluster.start(plane);
  const run = await runToEnd(cluster, 'short', 50);
  await run.hasOneJob();
  await client.delete(`${run.jobPath}?propagationPolicy=Background`);
  await one.stop();
  await catchesUp(cluster);
  assert.is((await client.list(paths.jobs())).length, 1);
});

test.run();
