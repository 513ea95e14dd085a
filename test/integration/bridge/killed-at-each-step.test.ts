import { randomUUID } from 'node:crypto';
import * as assert from 'uvu/assert';
import { cancelJob, logOf } from '../../e2e/support/girder-job.ts';
import { isCancelled, KillTests } from './kill-tests.ts';
import { aroundCall, aroundPut } from './wired-replica.ts';

const alone = new KillTests('a bridge that is killed at each step, and comes back', 1);
const { test } = alone;
alone.declareRuns();

test('killed between a run and its Secret: a cancel in Girder before it comes back stops the run', async (context) => {
  const { lab } = context;
  await alone.staff(context);
  const [job, taskId] = [alone.jobOf(context), randomUUID()];
  const point = aroundCall('create', 'secrets', 'before');
  await alone.kill(context, { point, jobId: job.jobId }, () => lab.publish({ job, taskId }));
  await cancelJob(job.jobId);
  await alone.staff(context);
  await isCancelled(context, taskId);
  await lab.drained();
});

for (const point of [
  aroundPut(2, 'the last line of a deleted run', 'after'),
  aroundPut(3, 'the end of the job of a deleted run', 'after'),
])
  test(`killed ${point.name}: the next one ends the job, and its entry`, async (context) => {
    const { lab } = context;
    await alone.staff(context);
    const job = alone.jobOf(context);
    const taskId = await lab.publish({ job });
    await lab.jobIs(job, 2, 60_000);
    await alone.kill(context, { point, jobId: job.jobId }, async () => {
      await lab.plane.client.delete(lab.secretOf(taskId));
      await lab.plane.client.delete(lab.pathOf(taskId));
    });
    await alone.staff(context);
    await lab.jobIs(job, 5, 60_000);
    await lab.isOpen(job, false);
    assert.is((await logOf(job.jobId)).match(/was deleted\.\n/g)?.length, 1);
  });

test.run();
