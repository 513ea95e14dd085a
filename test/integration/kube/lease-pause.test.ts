import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { paths } from '../../../src/kube/paths.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';
import { createRun, jobMadeIn, led, logged, runPath } from '../../fixtures/replicas.ts';
import { StatusHistory } from '../../fixtures/status-history.ts';
import { until } from '../../fixtures/until.ts';

const pauseMs = 25_000;

type Run = { name: string; uid: string };

/** Applies and records a run at regular intervals, so that the leader is busy at every moment. */
async function keepCreating(client: KubeClient, runs: Run[], stop: AbortSignal): Promise<void> {
  for (let count = 0; !stop.aborted; count += 1) {
    runs.push(await createRun(client, `run-${count}`));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** When the status of the run `<namespace>/<name>` was last written, to the second. */
async function statusWrittenAt(client: KubeClient, key: string): Promise<number> {
  const run = await client.get(runPath(key.slice(key.indexOf('/') + 1)));
  const entries = listAt(recordAt(run, 'metadata'), 'managedFields');
  const times = entries.filter((entry) => textAt(entry, 'subresource') === 'status');
  return Math.max(...times.map((entry) => Date.parse(textAt(entry, 'time') ?? '')));
}

test('a leader that was paused for 25 s writes nothing when it resumes, and follows', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using first = await ControllerProcess.start(plane.kubeconfig);
  await using second = await ControllerProcess.start(plane.kubeconfig);
  await using history = new StatusHistory(plane.connect());
  const [old, next = old] = await led(client, [first, second]);
  const stop = new AbortController();
  const runs: Run[] = [];
  const creating = keepCreating(client, runs, stop.signal);
  await until('runs are applied', () => runs.length, { holds: (count) => count >= 8 });

  old.signal('SIGSTOP');
  const linesBefore = old.log.length;
  const resume = new Promise((resolve) => setTimeout(resolve, pauseMs));
  const takeoverMs = await jobMadeIn(client, await createRun(client, 'while-it-stands-still'), pauseMs);
  console.log(`SIGSTOP: the next Job after ${Math.round(takeoverMs)} ms`);
  await resume;
  const resumedAt = Date.now();
  old.signal('SIGCONT');
  const later = () => old.log.slice(linesBefore);
  await until('the replica follows', () => later().some(({ msg }) => msg === 'another replica leads'), {
    withinMs: 30_000,
  });
  // If it still led, it would write for these runs or for older ones before all of them have Jobs.
  const soFar = runs.length;
  await until('more runs are applied', () => runs.length, { holds: (count) => count >= soFar + 20 });
  stop.abort();
  await creating;
  for (const run of runs) await jobMadeIn(client, run, 30_000);

  const after = later().map(({ msg }) => msg);
  assert.ok(after.includes('lost leadership'), JSON.stringify(after));
  // The answer to a write from before the pause is read after the pause.
  for (const { dockerRun } of later().filter(({ msg }) => msg === 'status written')) {
    const written = await statusWrittenAt(client, String(dockerRun));
    // The time has whole seconds: a later write may seem up to a second older.
    assert.ok(written < resumedAt - 1_000, `it stored the status of ${String(dockerRun)}`);
  }
  assert.is((await led(client, [old, next]))[0], next);
  assert.is(logged(next, 'lost leadership').length, 0);
  assert.is((await client.list(paths.jobs())).length, runs.length + 1);
  assert.equal(history.flaps, []);
});

test.run();
