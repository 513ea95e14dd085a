import * as assert from 'uvu/assert';
import { randomUUID } from 'node:crypto';
import { settlingMs } from '../../../src/bridge/follow/decide-follow.ts';
import { parseFollowedRun } from '../../../src/bridge/runs/followed-run.ts';
import { logOf, type MadeJob, putJob } from '../../e2e/support/girder-job.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab } from './bridge-lab.ts';
import { leasePath } from './kill-tests.ts';
import { killAt, WiredReplica } from './wired-replica.ts';

const test = suite<{ lab: BridgeLab }>('the first lines of a job whose worker is faster than the leader');

test.before(async (context) => {
  context.lab = await BridgeLab.start();
});

test.after(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

type Task = { readonly taskId: string; readonly job: MadeJob };

/** What the worker does as soon as the run exists. */
async function begin(lab: BridgeLab, { taskId, job }: Task): Promise<void> {
  await lab.run(taskId);
  await putJob(job, { status: '2', log: 'The worker has started.\n' });
  await lab.report(taskId, { phase: 'Running', reason: 'Running', message: 'Running.', attempts: 1 });
}

async function end(lab: BridgeLab, { taskId, job }: Task): Promise<void> {
  await putJob(job, { status: '3', log: 'The worker has ended.\n' });
  const completionTime = new Date().toISOString().replace(/\.\d+/, '');
  await lab.report(taskId, {
    phase: 'Succeeded',
    reason: 'Succeeded',
    message: '',
    attempts: 1,
    completionTime,
  });
}

const runAt = async (lab: BridgeLab, taskId: string) =>
  parseFollowedRun(await lab.plane.client.get(lab.pathOf(taskId)));

/** Where the leader is killed: around its first look at the job, or around the request with the lines. */
const points = [
  { name: 'before the first look', nth: 2, when: 'first' },
  { name: 'before the lines', nth: 3, when: 'first' },
  { name: 'after the lines', nth: 3, when: 'afterwards' },
] as const;

for (const { name, nth, when } of points)
  for (const isLate of [false, true])
    test(`the leader is killed ${name}, and the next one comes ${isLate ? 'later' : 'at once'}: the log has them once`, async ({
      lab,
    }) => {
      const replica = await WiredReplica.start(lab);
      const task = { taskId: randomUUID(), job: await lab.job() };
      const begun = Promise.withResolvers<void>();
      const point = {
        name,
        plan: ({ girder }: WiredReplica, jobId: string, pause: () => Promise<unknown>) => {
          // The first is that of the delivery; the leader's own waits for the worker.
          const requests = [() => Promise.resolve(), () => begun.promise];
          for (const first of requests.slice(0, nth - 1)) girder.fail('PUT', `job/${jobId}`, { first });
          girder.fail('PUT', `job/${jobId}`, when === 'first' ? { first: pause } : { afterwards: pause });
        },
      };
      await killAt([replica], { point, jobId: task.job.jobId }, async () => {
        await lab.publish(task);
        await begin(lab, task);
        begun.resolve();
      });
      await lab.plane.client.delete(leasePath);
      await end(lab, task);
      const { createdAt } = await runAt(lab, task.taskId);
      if (isLate) await until('slicer_cli_web has saved the job', () => Date.now() > createdAt + settlingMs);
      await using next = await lab.bridge();
      await until('the run is marked as reported', () => runAt(lab, task.taskId), {
        holds: ({ isReported }) => isReported,
        withinMs: 60_000,
        context: () => next.log,
      });
      const log = await logOf(task.job.jobId);
      assert.is(log.match(/Runs on Kubernetes as the DockerRun/g)?.length, 1, log);
      assert.is(log.match(/The worker has ended/g)?.length, 1, log);
      await next.stop();
    });

test.run();
