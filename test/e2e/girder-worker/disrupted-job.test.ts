import * as assert from 'uvu/assert';
import { until } from '../../fixtures/until.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { logOf, statesOf } from '../support/girder-job.ts';
import { applyWithJob, cancelled, running, succeeded } from '../support/job-run.ts';
import { Lab, untilReleased } from '../support/runs.ts';
import { succeed } from '../support/shell.ts';

/** The job in Girder of a run whose pod is stopped: only the end of the run is the end of the job. */

const test = concurrentTest();
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('disrupted-job');
});
test.after(() => lab?.close());

const command = ['sh', '-ec', `trap exit TERM; ${untilReleased}`];

async function evict(podName: string): Promise<void> {
  const metadata = { name: podName, namespace: lab.namespace };
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata };
  const path = `/api/v1/namespaces/${lab.namespace}/pods/${podName}/eviction`;
  await succeed('kubectl', ['create', '--raw', path, '-f', '-'], { input: JSON.stringify(eviction) });
}

test('the job of an evicted pod stays RUNNING, and the next attempt ends it', async () => {
  const { name, job } = await applyWithJob(lab, 'evicted', { command });
  const run = await lab.running(name);
  await evict(run.status.podName ?? '');
  await lab.release(name, run);
  const end = await lab.ended(name);
  assert.is(end.phase, 'Succeeded', end.message);
  assert.is(end.attemptHistory?.length, 2);
  assert.equal(await statesOf(job.jobId), [running, succeeded]);
  assert.match(await logOf(job.jobId), 'The run continues in another pod.');
});

test('the job of a run that is cancelled after its eviction becomes CANCELED', async () => {
  const { name, job } = await applyWithJob(lab, 'evicted-cancelled', { command });
  const run = await lab.running(name);
  await evict(run.status.podName ?? '');
  await lab.running(name, run);
  await lab.kubectl('patch', 'dockerrun', name, '--type=merge', '-p', '{"spec":{"cancel":true}}');
  assert.is((await lab.ended(name)).phase, 'Cancelled');
  assert.equal(await statesOf(job.jobId), [running, cancelled]);
});

test('the job of a run that is deleted becomes CANCELED', async () => {
  const { name, job } = await applyWithJob(lab, 'deleted', { command });
  await lab.running(name);
  await lab.kubectl('delete', 'dockerrun', name, '--wait=false');
  const holds = (states: readonly number[]) => states.includes(cancelled);
  await until('the job is cancelled', () => statesOf(job.jobId), { holds, withinMs: 180_000 });
});

test.run();
