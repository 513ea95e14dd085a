import * as assert from 'uvu/assert';
import { cancelJob, statesOf } from '../support/girder-job.ts';
import { Lab } from '../support/runs.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { applyWithJob, cancelled, endsCancelled, running } from '../support/job-run.ts';
import { girderWorkerTestImage } from '../support/test-image.ts';

/** Cases of Girder Worker's own integration suite about cancelling: there, a click in Girder. */

const test = concurrentTest();
let lab: Lab;
let image: string;

test.before(async () => {
  lab = await Lab.open('gw-cancel');
  image = await girderWorkerTestImage();
});
test.after(() => lab?.close());

for (const mode of ['sigterm', 'sigkill']) {
  test(`test_docker_run_cancel_${mode}: a job that is cancelled stops its target in time`, async () => {
    const run = await applyWithJob(lab, `cancel-${mode}`, { image, args: [mode] });
    await lab.running(run.name);
    await cancelJob(run.job.jobId);
    const { target } = await endsCancelled(lab, run);
    assert.equal(await statesOf(run.job.jobId), [running, cancelled]);
    // 128 + SIGKILL; the target that handles SIGTERM exits with 0.
    assert.is(target?.exitCode, mode === 'sigterm' ? 0 : 137);
  });
}

test.run();
