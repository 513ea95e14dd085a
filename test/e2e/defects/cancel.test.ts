import { createServer, type AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { until } from '../../fixtures/until.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { applyWithJob, cancelled, endsCancelled, running } from '../support/job-run.ts';
import { aFile, anItem, filesOf } from '../support/girder.ts';
import { cancelJob, logOf, statesOf } from '../support/girder-job.ts';
import { Lab, patienceMs } from '../support/runs.ts';
import { FaultyGirder } from './faulty-girder.ts';
import { writingTarget } from './writing-target.ts';

/** Defects of the original when a job is cancelled; see docs/defects.md. */

const test = concurrentTest();
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('cancel');
});
test.after(() => lab?.close());

test('D6: a target that prints without a pause is cancelled in time', async () => {
  const run = await applyWithJob(lab, 'chatty', { command: ['sh', '-c', 'exec yes'] });
  await lab.running(run.name);
  await until('the job has output', async () => (await logOf(run.job.jobId)) !== '', {
    withinMs: patienceMs,
  });
  await cancelJob(run.job.jobId);
  await endsCancelled(lab, run);
  assert.equal(await statesOf(run.job.jobId), [running, cancelled]);
});

test('D7: a cancel during a stalled download ends the run before its target starts', async () => {
  await using girder = await FaultyGirder.start();
  girder.proxy.fail('GET', '/download', { stallAnswerAfter: 1000 });
  const fileId = await aFile('in.bin', Buffer.alloc(100_000));
  const run = await applyWithJob(lab, 'download', {
    args: ['cat', '$(in)'],
    transforms: [{ name: 'in', girderFileIdToVolume: { fileId } }],
    girder: { apiUrl: girder.apiUrl },
  });
  await until('the download stalls', () => girder.proxy.requests('GET', '/download').length > 0, {
    withinMs: patienceMs,
  });
  await cancelJob(run.job.jobId);
  assert.is((await endsCancelled(lab, run)).target, undefined);
  assert.equal(await statesOf(run.job.jobId), [running, cancelled]);
});

test('D7: a cancel during a stalled image pull ends the run before its target starts', async () => {
  let requested = false;
  const registry = createServer((socket) => {
    requested = true;
    socket.on('error', () => undefined).resume();
  });
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  try {
    const image = `127.0.0.1:${(registry.address() as AddressInfo).port}/silent:1`;
    const run = await applyWithJob(lab, 'pull', { image, imagePullPolicy: 'Always' });
    await until('the registry gets a request', () => requested, { withinMs: patienceMs });
    await cancelJob(run.job.jobId);
    assert.is((await endsCancelled(lab, run)).target, undefined);
  } finally {
    registry.close();
  }
});

test('D7: nothing is uploaded after a job is cancelled, even if its target exits with 0', async () => {
  const itemId = await anItem('cancelled');
  const script = 'trap "echo late > $1; exit 0" TERM; echo trapped; while :; do sleep 0.1; done';
  const run = await applyWithJob(lab, 'no-upload', writingTarget(script, itemId));
  await lab.running(run.name);
  await until('the trap is set', async () => (await logOf(run.job.jobId)).includes('trapped'), {
    withinMs: patienceMs,
  });
  await cancelJob(run.job.jobId);
  const status = await endsCancelled(lab, run);
  assert.is(status.target?.exitCode, 0);
  assert.equal(await filesOf(itemId), []);
});

test.run();
