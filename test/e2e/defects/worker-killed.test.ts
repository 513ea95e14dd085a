import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as assert from 'uvu/assert';
import { until } from '../../fixtures/until.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { applyWithJob, failed, type JobRun, running, succeeded } from '../support/job-run.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { aFile } from '../support/girder.ts';
import { logOf, statesOf } from '../support/girder-job.ts';
import { containersOf, Lab, type Manifest, patienceMs } from '../support/runs.ts';
import { workerPid } from '../support/worker-process.ts';

/** What a worker that is killed leaves behind in the original; see docs/defects.md. */

const test = concurrentTest();
/** How long the controller may take to end the job in place of the worker. */
const jobSeconds = 180;
let lab: Lab;
let fileId: string;

test.before(async () => {
  lab = await Lab.open('worker-killed');
  fileId = await aFile('in.txt', Buffer.from('in'));
});
test.after(() => lab?.close());

/** Has a pipe, a download and a temporary volume on a directory of the node; its second attempt ends. */
function littering(directory: string, more: Manifest): Manifest {
  const script = `
    echo attempt
    if [ -e /data/tried ]; then cat $1 > $2; exit; fi
    touch /data/tried
    sleep 300`;
  return {
    command: ['sh', '-c', script, 'sh'],
    args: ['$(file)', '$(out)'],
    volumes: [
      { name: 'data', bindMount: { hostPath: directory, containerPath: '/data', mode: 'rw' } },
      { name: 'scratch', temporary: { hostDir: join(directory, 'temporary') } },
    ],
    transforms: [
      { name: 'file', girderFileIdToVolume: { fileId, volume: 'data' } },
      {
        name: 'out',
        connect: {
          input: { namedOutputPipe: { name: 'out', volume: 'data' } },
          output: { hostStdOut: {} },
        },
      },
    ],
    ...more,
  };
}

/** Applies a run, and kills its worker when its target runs. */
async function killedRun(name: string, directory: string, more: Manifest): Promise<JobRun> {
  const run = await applyWithJob(lab, name, littering(directory, more));
  const { status } = await lab.running(name);
  await until('the target has begun', async () => (await readdir(directory)).includes('tried'), {
    withinMs: patienceMs,
  });
  await until('its output is in the job', async () => (await logOf(run.job.jobId)) !== '', {
    withinMs: patienceMs,
  });
  process.kill(await workerPid(lab, status.podName ?? ''), 'SIGKILL');
  return run;
}

/** Waits until the container and everything that the worker created are deleted. */
async function leavesNothing(name: string, directory: string): Promise<void> {
  const { metadata } = await lab.get(name);
  await until('the container is deleted', async () => (await containersOf(metadata.uid)).length === 0, {
    withinMs: patienceMs,
  });
  const left = async () => [(await readdir(directory)).sort(), await readdir(join(directory, 'temporary'))];
  // The container and the files are deleted at the same time, in either order.
  await until(
    'the files are deleted',
    async () => isDeepStrictEqual(await left(), [['temporary', 'tried'], []]),
    { withinMs: patienceMs },
  );
}

test('D13: after a worker was killed, the next attempt cleans up and continues the job', async () => {
  using directory = ScratchDirectory.mountable();
  const { job } = await killedRun('again', directory.path, { backoffLimit: 1 });
  const status = await lab.ended('again');
  assert.is(status.phase, 'Succeeded', `${status.reason}: ${status.message}`);
  assert.is(status.attempts, 2);
  await leavesNothing('again', directory.path);
  assert.equal(await statesOf(job.jobId), [running, succeeded]);
  // Standard output and the pipe are two streams, whose order is not defined.
  const log = await logOf(job.jobId);
  assert.is(log.replaceAll('attempt\n', ''), 'in');
  assert.is(log.length, 'attempt\nattempt\nin'.length);
});

test('D13: a worker that is killed in the last attempt leaves nothing on the node', async () => {
  using directory = ScratchDirectory.mountable();
  await killedRun('lost', directory.path, { backoffLimit: 0 });
  assert.is((await lab.ended('lost')).reason, 'WorkerLost');
  await leavesNothing('lost', directory.path);
});

test('D13: the job of a run whose worker is killed in the last attempt is an ERROR', async () => {
  using directory = ScratchDirectory.mountable();
  const { job } = await killedRun('ended', directory.path, { backoffLimit: 0 });
  assert.is((await lab.ended('ended')).reason, 'WorkerLost');
  const hasEnded = async () => (await statesOf(job.jobId)).at(-1) !== running;
  await until('the job has ended', hasEnded, { withinMs: jobSeconds * 1_000 });
  assert.equal(await statesOf(job.jobId), [running, failed]);
});

test('D13: the job of a run that never started is an ERROR', async () => {
  const never = { nodeSelector: { nosuch: 'label' }, startDeadlineSeconds: 3 };
  const { job } = await applyWithJob(lab, 'never', never);
  assert.is((await lab.ended('never')).reason, 'StartDeadlineExceeded');
  const hasEnded = async () => (await statesOf(job.jobId)).at(-1) === failed;
  await until('the job has ended', hasEnded, { withinMs: jobSeconds * 1_000 });
  assert.match(await logOf(job.jobId), /The run did not start/);
});

test.run();
