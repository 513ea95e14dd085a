import { createServer, type AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConcurrentTests } from '../girder-worker/concurrent-tests.ts';
import {
  applyWithJob,
  cancelled,
  endsCancelled,
  failed,
  girderOf,
  jobOf,
  running,
  succeeded,
  until,
} from '../girder-worker/job-run.ts';
import { aFile, anItem, filesOf } from '../support/girder.ts';
import { aJob, cancelJob, logOf, statesOf } from '../support/girder-job.ts';
import { Lab, type Manifest } from '../support/runs.ts';
import { FaultyGirder } from './faulty-girder.ts';

/** What the original does wrong when a job is cancelled; docs/defects.md lists it. */

const canceling = 824;
/** A job as the original's own plugin makes it: its cancel waits for somebody to confirm it. */
const ofCelery = { handler: 'celery_handler', celeryTaskId: 'none' } as const;
const tests = new ConcurrentTests();
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('cancel');
});
test.after(() => lab?.close());

/** A target that runs a script and should leave a result at `$1`. */
function uploading(script: string, itemId: string): Manifest {
  return {
    command: ['sh', '-c', script, 'sh'],
    args: ['$(out)'],
    transforms: [{ name: 'out', volumePath: { filename: 'out' } }],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
  };
}

tests.add('D6: a target that never stops printing is cancelled in time', async () => {
  const run = await applyWithJob(lab, 'chatty', { command: ['sh', '-c', 'exec yes'] });
  await lab.running(run.name);
  await until('the job has output', async () => (await logOf(run.job.jobId)) !== '');
  await cancelJob(run.job.jobId);
  await endsCancelled(lab, run);
  assert.equal(await statesOf(run.job.jobId), [running, cancelled]);
});

tests.add(
  'D7: a cancel during a download that stands still ends the run before its target starts',
  async () => {
    await using girder = await FaultyGirder.start();
    girder.proxy.fail('GET', '/download', { stallAnswerAfter: 1000 });
    const fileId = await aFile('in.bin', Buffer.alloc(100_000));
    const run = await applyWithJob(lab, 'download', {
      args: ['cat', '$(in)'],
      transforms: [{ name: 'in', girderFileIdToVolume: { fileId } }],
      girder: { apiUrl: girder.apiUrl },
    });
    await until('the download stands still', () => girder.proxy.requests('GET', '/download').length > 0);
    await cancelJob(run.job.jobId);
    assert.is((await endsCancelled(lab, run)).target, undefined);
    assert.equal(await statesOf(run.job.jobId), [running, cancelled]);
  },
);

tests.add('D7: a cancel during a pull that stands still ends the run before its target starts', async () => {
  let asked = false;
  const registry = createServer((socket) => {
    asked = true;
    socket.on('error', () => undefined).resume();
  });
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  try {
    const image = `127.0.0.1:${(registry.address() as AddressInfo).port}/silent:1`;
    const run = await applyWithJob(lab, 'pull', { image, imagePullPolicy: 'Always' });
    await until('the registry is asked', () => asked);
    await cancelJob(run.job.jobId);
    assert.is((await endsCancelled(lab, run)).target, undefined);
  } finally {
    registry.close();
  }
});

tests.add('D7: nothing is uploaded once a job is cancelled, though its target ends well', async () => {
  const itemId = await anItem('cancelled');
  const script = 'trap "echo late > $1; exit 0" TERM; while :; do sleep 0.1; done';
  const run = await applyWithJob(lab, 'no-upload', uploading(script, itemId));
  await lab.running(run.name);
  await cancelJob(run.job.jobId);
  const status = await endsCancelled(lab, run);
  assert.is(status.target?.exitCode, 0);
  assert.equal(await filesOf(itemId), []);
});

tests.add(
  'D20: a cancel during an upload that stands still leaves no file, and the job CANCELED',
  async () => {
    await using girder = await FaultyGirder.start();
    girder.proxy.fail('POST', '/file/chunk', { silence: true });
    const itemId = await anItem('cancelled');
    const run = await applyWithJob(
      lab,
      'upload',
      { ...uploading('echo result > $1', itemId), girder: { apiUrl: girder.apiUrl } },
      ofCelery,
    );
    await until('the upload stands still', () => girder.proxy.requests('POST', '/file/chunk').length > 0);
    await cancelJob(run.job.jobId);
    await endsCancelled(lab, run);
    assert.equal(await statesOf(run.job.jobId), [running, canceling, cancelled]);
    assert.equal(await filesOf(itemId), []);
  },
);

tests.add('D20: a job that was cancelled before its run began starts nothing', async () => {
  const job = await aJob({ ...ofCelery, status: running });
  await cancelJob(job.jobId);
  await lab.run('before', { command: ['true'], girder: girderOf({ job: await jobOf(lab, 'before', job) }) });
  assert.is((await endsCancelled(lab, { name: 'before', job })).target, undefined);
  assert.equal(await statesOf(job.jobId), [running, canceling, cancelled]);
});

tests.add(
  'D20: a run leaves its job in no state but RUNNING, SUCCESS and ERROR when nobody cancels',
  async () => {
    const itemId = await anItem('states');
    const wellEnding = await applyWithJob(lab, 'well', uploading('echo x > $1', itemId), ofCelery);
    const failing = await applyWithJob(lab, 'failing', uploading('exit 1', itemId), ofCelery);
    await lab.ended(wellEnding.name);
    await lab.ended(failing.name);
    assert.equal(await statesOf(wellEnding.job.jobId), [running, succeeded]);
    assert.equal(await statesOf(failing.job.jobId), [running, failed]);
  },
);

test.run();
