import * as assert from 'uvu/assert';
import { until } from '../../fixtures/until.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import {
  applyWithJob,
  cancelled,
  endsCancelled,
  failed,
  girderOf,
  isCancelledInGirder,
  jobOf,
  running,
  succeeded,
} from '../support/job-run.ts';
import { anItem, filesOf } from '../support/girder.ts';
import { aJob, cancelJob, statesOf } from '../support/girder-job.ts';
import { Lab, patienceMs } from '../support/runs.ts';
import { FaultyGirder } from './faulty-girder.ts';
import { writingTarget } from './writing-target.ts';

/** States of a job that the original cannot change to CANCELED; see docs/defects.md. */

const canceling = 824;
/** A job as the original's own plugin makes it: a cancel waits until a worker confirms it. */
const ofCelery = { handler: 'celery_handler', celeryTaskId: 'none' } as const;
const test = concurrentTest();
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('cancel-states');
});
test.after(() => lab?.close());

test('D20: a cancel during a stalled upload leaves no file, and the job is CANCELED', async () => {
  await using girder = await FaultyGirder.start();
  girder.proxy.fail('POST', '/file', { silence: true });
  const itemId = await anItem('cancelled');
  const run = await applyWithJob(
    lab,
    'upload',
    { ...writingTarget('echo result > $1', itemId), girder: { apiUrl: girder.apiUrl } },
    ofCelery,
  );
  await until('the upload stalls', () => girder.proxy.requests('POST', '/file').length > 0, {
    withinMs: patienceMs,
  });
  await cancelJob(run.job.jobId);
  await endsCancelled(lab, run);
  assert.equal(await statesOf(run.job.jobId), [running, canceling, cancelled]);
  assert.equal(await filesOf(itemId), []);
});

test('D20: a run whose job was cancelled before it began does not start a target', async () => {
  const job = await aJob({ ...ofCelery, status: running });
  await cancelJob(job.jobId);
  await lab.run('before', { command: ['true'], girder: girderOf({ job: await jobOf(lab, 'before', job) }) });
  assert.is((await isCancelledInGirder(lab, { name: 'before', job })).target, undefined);
  assert.equal(await statesOf(job.jobId), [running, canceling, cancelled]);
});

test('D20: without a cancel the only states of a job are RUNNING, SUCCESS and ERROR', async () => {
  const itemId = await anItem('states');
  const wellEnding = await applyWithJob(lab, 'well', writingTarget('echo x > $1', itemId), ofCelery);
  const failing = await applyWithJob(lab, 'failing', writingTarget('exit 1', itemId), ofCelery);
  await lab.ended(wellEnding.name);
  await lab.ended(failing.name);
  assert.equal(await statesOf(wellEnding.job.jobId), [running, succeeded]);
  assert.equal(await statesOf(failing.job.jobId), [running, failed]);
});

test.run();
