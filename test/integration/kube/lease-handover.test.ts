import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';
import { TcpProxy } from '../../fixtures/tcp-proxy.ts';
import { createRun, jobMadeIn, led, logged } from '../../fixtures/replicas.ts';

/** The other replica must make a Job within this time after a clean stop. */
const cleanMs = 3_000;
/** A busy machine may exceed the limit once; a Lease that is not released exceeds it by 9 s each time. */
const mostHandovers = 3;

/** Stops the leader cleanly, and returns the milliseconds until the next Job is made. */
async function handOver(client: KubeClient, leader: ControllerProcess, name: string): Promise<number> {
  const stopping = performance.now();
  const stopped = leader.stop(10_000).then(() => performance.now() - stopping);
  const made = createRun(client, name).then((run) => jobMadeIn(client, run, 30_000));
  const [nextMs, goneMs] = await Promise.all([made, stopped]);
  console.log(`clean stop: the next Job after ${Math.round(nextMs)} ms, gone after ${Math.round(goneMs)} ms`);
  assert.is(leader.exitCode, 0);
  assert.is(logged(leader, 'lease released, no longer leading').length, 1);
  return nextMs;
}

test('the other replica takes over within 3 s of a clean stop and within 20 s of a kill', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using processes = new AsyncDisposableStack();
  const start = async () => processes.use(await ControllerProcess.start(plane.kubeconfig));
  let replicas = [await start(), await start()];
  let best = Infinity;
  for (let turn = 1; turn <= mostHandovers && best >= cleanMs; turn += 1) {
    const [leader, follower = leader] = await led(client, replicas);
    await jobMadeIn(client, await createRun(client, `ordinary-${turn}`), 30_000);
    await follower.ready();
    assert.equal(logged(follower, 'applying action'), [], 'a follower does nothing');
    best = Math.min(best, await handOver(client, leader, `at-a-clean-stop-${turn}`));
    replicas = [follower, await start()];
  }
  assert.ok(best < cleanMs, `${best} ms`);

  const [now] = await led(client, replicas);
  await now.kill();
  const killMs = await jobMadeIn(client, await createRun(client, 'at-a-kill'), 30_000);
  console.log(`kill -9: the next Job after ${Math.round(killMs)} ms`);
  assert.ok(killMs < 20_000, `${killMs} ms`);
});

test('a leader that is cut off still stops cleanly within 10 s of a SIGTERM', async () => {
  await using plane = await startControlPlane();
  await using proxy = await TcpProxy.start(plane.server);
  await using cutOff = await ControllerProcess.start(plane.kubeconfigFor(proxy.url));
  await led(plane.client, [cutOff]);
  proxy.swallow();
  // Long enough that a renewal is waiting for its answer.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const start = performance.now();
  await cutOff.stop(10_000);
  console.log(`SIGTERM while cut off: stopped after ${Math.round(performance.now() - start)} ms`);
  assert.is(cutOff.exitCode, 0);
});

test.run();
