import * as assert from 'uvu/assert';
import { apiVersion, cleanupJobName, policyKind, policyName } from '../../../src/api/names.ts';
import { paths } from '../../../src/kube/paths.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { running, ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { suite } from '../../fixtures/suite.ts';

/** Attempts that were lost on one node, of runs that ended on another. */

type World = { plane: ControlPlane; cluster: SimulatedCluster; stack: AsyncDisposableStack };
const test = suite<World>('nodes of earlier attempts');

test.before(async (world) => {
  world.stack = new AsyncDisposableStack();
  world.plane = world.stack.use(await startControlPlane());
  world.cluster = world.stack.use(
    await SimulatedCluster.start(world.plane, { jobController: 'real', worker: running }),
  );
  await world.plane.client.create(paths.policies(), {
    ...{ apiVersion, kind: policyKind, metadata: { name: policyName } },
    spec: { hostPaths: [{ pathPrefix: '/srv' }] },
  });
  world.stack.use(
    await ControllerProcess.start(world.plane.kubeconfig, { DOCKERRUN_LEADER_ELECTION: 'false' }),
  );
});
test.after(({ stack }) => stack.disposeAsync());

test('after a success on another node, a pod on the node of the lost attempt removes its directory, and the run waits to be deleted', async ({
  cluster,
}) => {
  const { client, kubelet } = cluster;
  const run = new ScriptedRun(cluster, 'moved', 'default');
  await run.apply({
    ...{ backoffLimit: 1, ttlSecondsAfterFinished: 0 },
    volumes: [{ name: 'scratch', temporary: { hostDir: '/srv/scratch' } }],
  });
  await run.podRuns(1);
  await run.hasReason('Running');
  await run.podEnds(1, { lost: true });
  kubelet.nodeName = 'node-2';
  await run.podRuns(2);
  await run.podEnds(2, succeeded);
  await run.ends();
  assert.is(run.status['phase'], 'Succeeded', run.message);

  const [first] = run.pods;
  const path = `${paths.jobs('default')}/${cleanupJobName(run, first?.uid)}`;
  const job = JSON.stringify(await client.get(path));
  assert.match(job, /"metadata\.name","operator":"In","values":\["node-1"\]/);
  assert.match(job, /"worker","cleanup"/);
  // The run is past its time to live, and a later run has ended.
  const later = new ScriptedRun(cluster, 'later', 'default');
  await later.apply();
  await later.podRuns(1);
  await later.podEnds(1, succeeded);
  await later.ends();
  assert.ok(run.exists);
  await run.cleanupSucceeds();
  await run.isRemoved();
});

test.run();
