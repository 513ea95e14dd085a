import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { running, ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';

type World = { stack: AsyncDisposableStack; plane: ControlPlane; cluster: SimulatedCluster };
const test = suite<World>('controller with a wrong clock');
const skewed = join(import.meta.dirname, '../../fixtures/skewed-clock.ts');

test.before(async (world) => {
  const stack = new AsyncDisposableStack();
  world.stack = stack;
  world.plane = stack.use(await startControlPlane());
  world.cluster = stack.use(await SimulatedCluster.start(world.plane, { worker: running }));
});
test.after(({ stack }) => stack.disposeAsync());

for (const [name, hours] of [
  ['ahead', 2],
  ['behind', -2],
] as const) {
  test(`a controller whose clock is two hours ${name} keeps the deadlines and times to live of runs`, async ({
    plane,
    cluster,
  }) => {
    await using _ = await ControllerProcess.start(plane.kubeconfig, {
      ...{ DOCKERRUN_LEADER_ELECTION: 'false', SKEW_MS: String(hours * 3_600_000) },
      NODE_OPTIONS: `--import=${skewed}`,
    });
    const run = async (suffix: string, spec: object) => {
      const made = new ScriptedRun(cluster, `${name}-${suffix}`, 'default');
      await made.apply(spec);
      return made;
    };
    const waiting = await run('waiting', { startDeadlineSeconds: 3_600 });
    const kept = await run('kept', { ttlSecondsAfterFinished: 3_600 });
    const mortal = await run('mortal', { ttlSecondsAfterFinished: 1 });
    for (const ended of [kept, mortal]) {
      await ended.podRuns(1);
      await ended.podEnds(1, succeeded);
    }
    await kept.is(['Succeeded']);
    // Not "is Succeeded": it may have been removed before this test looks.
    await mortal.isRemoved();
    assert.ok(kept.exists);
    const late = await run('late', { startDeadlineSeconds: 1 });
    await late.hasReason('StartDeadlineExceeded');
    assert.is(waiting.status['phase'], 'Pending');
    const written = Date.parse(String(late.status['completionTime']));
    assert.ok(Math.abs(written - Date.now()) < 600_000, 'the controller writes the time of the API server');
  });
}

test.run();
