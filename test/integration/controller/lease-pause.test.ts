import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { paths } from '../../../src/kube/resources.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';
import { createRun, jobMadeIn, led, logged } from './replicas.ts';
import { StatusHistory } from './status-history.ts';

const pauseMs = 25_000;

/** Applies a run every so often, so that a leader is in the middle of something at every moment. */
async function keepCreating(client: KubeClient, stop: AbortSignal): Promise<{ name: string; uid: string }[]> {
  const runs = [];
  for (let count = 0; !stop.aborted; count += 1) {
    runs.push(await createRun(client, `run-${count}`));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return runs;
}

test('a leader that stood still for 25 s writes nothing more when it goes on, and follows', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using first = await ControllerProcess.start(plane.kubeconfig);
  await using second = await ControllerProcess.start(plane.kubeconfig);
  await using history = new StatusHistory(plane.connect());
  const [old, next = old] = await led(client, [first, second]);
  const stop = new AbortController();
  const creating = keepCreating(client, stop.signal);
  await new Promise((resolve) => setTimeout(resolve, 1_000));

  old.signal('SIGSTOP');
  const done = old.log.length;
  const resume = new Promise((resolve) => setTimeout(resolve, pauseMs));
  const takeoverMs = await jobMadeIn(client, await createRun(client, 'while-it-stands-still'), pauseMs);
  console.log(`SIGSTOP: the next Job after ${Math.round(takeoverMs)} ms`);
  await resume;
  old.signal('SIGCONT');
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  stop.abort();
  const runs = await creating;
  for (const run of runs) await jobMadeIn(client, run, 30_000);

  const after = old.log.slice(done).map(({ msg }) => msg);
  assert.ok(after.includes('leading no more'), JSON.stringify(after));
  assert.ok(after.includes('following'), JSON.stringify(after));
  assert.not(after.includes('status'), 'it stored a status');
  assert.is((await led(client, [old, next]))[0], next);
  assert.is(logged(next, 'leading no more').length, 0);
  assert.is((await client.list(paths.jobs())).length, runs.length + 1);
  assert.equal(history.flaps, []);
});

test.run();
