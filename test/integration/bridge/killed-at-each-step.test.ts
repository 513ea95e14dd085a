import { randomUUID } from 'node:crypto';
import { cancelJob } from '../../e2e/support/girder-job.ts';
import { isCancelled, KillTests } from './kill-tests.ts';
import { aroundCall } from './wired-replica.ts';

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

test.run();
