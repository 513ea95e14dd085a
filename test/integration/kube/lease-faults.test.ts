import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { TcpProxy } from '../../fixtures/tcp-proxy.ts';
import { paths } from '../../../src/kube/paths.ts';
import { createRun, jobMadeIn, led, logged } from '../../fixtures/replicas.ts';
import { StatusHistory } from '../../fixtures/status-history.ts';

const milliseconds = (record: Record<string, unknown> | undefined) => Number(record?.['time']);

test('a leader that is cut off stops before another can lead, and follows when it is connected again', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using proxy = await TcpProxy.start(plane.server);
  await using cutOff = await ControllerProcess.start(plane.kubeconfigFor(proxy.url));
  await led(client, [cutOff]);
  await using other = await ControllerProcess.start(plane.kubeconfig);

  const began = Date.now();
  proxy.swallow();
  const takeoverMs = await jobMadeIn(client, await createRun(client, 'while-it-is-cut-off'), 30_000);
  const stopped = milliseconds(logged(cutOff, 'lost leadership')[0]);
  const taken = milliseconds(logged(other, 'became leader')[0]);
  console.log(`black hole: stopped after ${stopped - began} ms, the next leads after ${taken - began} ms`);
  console.log(`black hole: the next Job after ${Math.round(takeoverMs)} ms`);
  // It may lead for 8 s after its last renewal; another replica can take the Lease after 12 s.
  assert.ok(stopped - began < 14_000 && stopped < taken, `${stopped - began}, ${taken - began}`);
  assert.ok(cutOff.isRunning);

  proxy.heal();
  await other.stop();
  await led(client, [cutOff]);
});

test('an API server that is down for 20 s loses no work, and both replicas resume when it is back', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using first = await ControllerProcess.start(plane.kubeconfig);
  await using second = await ControllerProcess.start(plane.kubeconfig);
  await led(client, [first, second]);
  await using history = new StatusHistory(plane.connect());
  const before = await createRun(client, 'before');
  await plane.kill();
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  await plane.restart();
  const back = performance.now();
  const after = await createRun(client, 'after');
  await jobMadeIn(client, after, 45_000);
  console.log(`API server back: the next Job after ${Math.round(performance.now() - back)} ms`);
  await jobMadeIn(client, before, 45_000);
  assert.ok(first.isRunning && second.isRunning);
  assert.is((await client.list(paths.jobs())).length, 2);
  assert.equal(history.flaps, []);
});

test.run();
