import * as assert from 'uvu/assert';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { applyWithJob, failed, running, successfulLog } from '../support/job-run.ts';
import { logOf, statesOf } from '../support/girder-job.ts';
import { Lab } from '../support/runs.ts';

/** Defects of the original with the target's output and end; see docs/defects.md. */

const test = concurrentTest();
const shortRuns = 2;
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('target-of-old');
});
test.after(() => lab?.close());

for (let index = 0; index < shortRuns; index += 1) {
  test(`D5: a target that exits at once loses none of its output (${index + 1})`, async () => {
    const name = `instant-${index}`;
    const log = await successfulLog(lab, name, { command: ['sh', '-c', 'echo out; echo err >&2'] });
    assert.equal(log.split('\n').sort(), ['', 'err', 'out']);
    assert.equal((await lab.output(name)).split('\n').sort(), ['', 'err', 'out']);
  });
}

test('D14: a target that ran out of memory is reported as such, also in the job', async () => {
  const { job } = await applyWithJob(lab, 'oom', {
    command: ['tail', '/dev/zero'],
    resources: { limits: { memory: '32Mi' } },
  });
  const status = await lab.ended('oom');
  assert.is(status.reason, 'OOMKilled', status.message);
  assert.is(status.target?.oomKilled, true);
  assert.equal(await statesOf(job.jobId), [running, failed]);
  assert.match(await logOf(job.jobId), /more memory than its limit \(32Mi\)/);
});

test.run();
