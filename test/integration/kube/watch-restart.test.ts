import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { paths } from '../../../src/kube/paths.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { led } from '../../fixtures/replicas.ts';
import { ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { StatusHistory } from '../../fixtures/status-history.ts';
import { until } from '../../fixtures/until.ts';
import { Watched } from './watched.ts';

/** How long the API server is down: connections are refused. */
const awayMs = 60_000;
/** Everything must resume within this time after the restart, also on a busy machine. */
const resumedMs = 30_000;

let plane: ControlPlane;
test.before(async () => void (plane = await startControlPlane()));
test.after(() => plane.close());

const configMaps = paths.configMaps('default');

test('neither a cache nor a run misses a change when the API server is killed and down for 60 s', async () => {
  await using watched = new Watched(plane.connect(), configMaps);
  await using controller = await ControllerProcess.start(plane.kubeconfig);
  await using history = new StatusHistory(plane.connect());
  await using cluster = await SimulatedCluster.start(plane);
  await led(plane.client, [controller]);
  const run = new ScriptedRun(cluster, 'run', 'default');
  await run.apply();
  await run.hasJob();
  await until('the cache watches', () => watched.cache.connected);
  await plane.client.create(configMaps, { metadata: { name: 'before-kill' }, data: { value: 'one' } });
  await run.podRuns(1);
  await plane.kill();
  await new Promise((resolve) => setTimeout(resolve, awayMs));
  await plane.restart();
  const next = new ScriptedRun(cluster, 'next', 'default');
  await Promise.all([next.apply(), run.podEnds(1, succeeded)]);
  await plane.client.create(configMaps, { metadata: { name: 'after-restart' }, data: { value: 'one' } });
  const both = ['after-restart=one', 'before-kill=one'];
  const hasBoth = () => both.every((content) => watched.contents.includes(content));
  await until('both objects are in the cache', hasBoth, { withinMs: resumedMs });
  await Promise.all([run.is(['Succeeded'], resumedMs), next.hasJob(resumedMs)]);
  for (const one of [run, next]) await one.hasOneJob();
  assert.equal(history.flaps, []);
  assert.ok(controller.isRunning);
  assert.ok(watched.notifications.includes('interrupted refused'), watched.notifications.join());
});

test.run();
