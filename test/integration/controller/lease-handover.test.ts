import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { TcpProxy } from '../../fixtures/tcp-proxy.ts';
import { createRun, jobMadeIn, led, logged } from './replicas.ts';

test('the other replica works within 3 s of a clean stop and within 20 s of a kill', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  const start = () => ControllerProcess.start(plane.kubeconfig);
  await using first = await start();
  await using second = await start();
  const [leader, follower = leader] = await led(client, [first, second]);
  await jobMadeIn(client, await createRun(client, 'ordinary'), 15_000);
  assert.ok(await follower.isReady(), 'a follower is ready');
  assert.equal(logged(follower, 'act'), [], 'a follower does nothing');

  const stopping = performance.now();
  const stopped = leader.stop(10_000).then(() => performance.now() - stopping);
  const atStop = await createRun(client, 'at-a-clean-stop');
  const cleanMs = await jobMadeIn(client, atStop, 10_000);
  console.log(
    `clean stop: the next Job after ${Math.round(cleanMs)} ms, gone after ${Math.round(await stopped)} ms`,
  );
  assert.ok(cleanMs < 3_000, `${cleanMs} ms`);
  assert.is(leader.exitCode, 0);
  assert.is(logged(leader, 'leading no more, the lease is released').length, 1);

  await using third = await start();
  const [now] = await led(client, [follower, third]);
  await now.kill();
  const killMs = await jobMadeIn(client, await createRun(client, 'at-a-kill'), 30_000);
  console.log(`kill -9: the next Job after ${Math.round(killMs)} ms`);
  assert.ok(killMs < 20_000, `${killMs} ms`);
});

test('a leader that hears nothing any more still stops within 10 s of a SIGTERM, and well', async () => {
  await using plane = await startControlPlane();
  await using proxy = await TcpProxy.start(plane.server);
  await using deaf = await ControllerProcess.start(plane.kubeconfigFor(proxy.url));
  await led(plane.client, [deaf]);
  proxy.swallow();
  // Long enough that it waits for the answer to a renewal.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const start = performance.now();
  await deaf.stop(10_000);
  console.log(`SIGTERM while deaf: gone after ${Math.round(performance.now() - start)} ms`);
  assert.is(deaf.exitCode, 0);
});

test.run();
