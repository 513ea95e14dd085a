import * as assert from 'uvu/assert';
import { randomUUID } from 'node:crypto';
import { bridgeLease } from '../../../src/bridge/main.ts';
import { recordAt } from '../../../src/kube/json.ts';
import { cancelJob, logOf, type MadeJob, severalJobs, statesOf } from '../../e2e/support/girder-job.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab } from './bridge-lab.ts';
import { cancellingARun, endingAJob, forwardingATask, refusingATask, takingATask } from './kill-points.ts';
import { killAt, type KillPoint, WiredReplica } from './wired-replica.ts';

type Context = { lab: BridgeLab; replicas: WiredReplica[]; jobs: MadeJob[] };
type KillSuite = ReturnType<typeof suite<Context>>;

export const leasePath = `/apis/coordination.k8s.io/v1/namespaces/default/leases/${bridgeLease}`;
const refusal = 'The task uses a transform that DockerRun does not know.';
/** For those that wait for a job of their own, and the tests of one suite only. */
const spareJobs = 4;

/** Replicas of the bridge of which one is killed at a point; the others finish, or without others a new one. */
export class KillTests {
  readonly test: KillSuite;
  readonly #replicas: number;

  constructor(title: string, replicas: number) {
    this.test = suite<Context>(title);
    this.#replicas = replicas;
    const points = [...takingATask, ...endingAJob, ...cancellingARun, ...refusingATask];
    this.test.before(async (context) => {
      context.lab = await BridgeLab.start();
      context.replicas = [];
      const wanted = { handler: 'celery_handler', celeryTaskId: 'none' } as const;
      context.jobs = await severalJobs(Array.from({ length: points.length + spareJobs }, () => wanted));
    });
    this.test.after(async ({ lab, replicas }) => {
      for (const replica of replicas) await replica[Symbol.asyncDispose]();
      await lab[Symbol.asyncDispose]();
    });
  }

  /** One test for each point of a task that becomes a run. */
  declareRuns(): void {
    for (const point of takingATask) this.#taking(point);
    for (const point of endingAJob) this.#ending(point);
    for (const point of cancellingARun) this.#cancelling(point);
  }

  /** One test for each point of a task that becomes none. */
  declareOthers(): void {
    for (const point of refusingATask) this.#refusing(point);
    for (const point of forwardingATask) this.#forwarding(point);
  }

  jobOf({ jobs }: Context): MadeJob {
    const job = jobs.pop();
    if (job === undefined) throw new Error('more tasks than jobs');
    return job;
  }

  /** Has as many replicas at work as there should be. */
  async staff(context: Context): Promise<void> {
    while (context.replicas.length < this.#replicas)
      context.replicas.push(await WiredReplica.start(context.lab, { foreignQueue: 'local' }));
  }

  /** Kills a replica when it comes to the point after `act`. */
  async kill(
    context: Context,
    { point, jobId }: { point: KillPoint; jobId: string },
    act: () => Promise<unknown>,
  ): Promise<void> {
    const { lab, replicas } = context;
    const killed = await killAt(replicas, { point, jobId }, act);
    context.replicas = replicas.filter((replica) => replica !== killed);
    // The next leader need not wait until the lease of the dead one has expired.
    await lab.plane.client.delete(leasePath).catch(() => undefined);
  }

  async #finish(context: Context): Promise<void> {
    if (context.replicas.length === 0) await this.staff(context);
  }

  #taking(point: KillPoint): void {
    this.test(`killed ${point.name}: the task is one run, and its job is RUNNING`, async (context) => {
      const { lab } = context;
      await this.staff(context);
      const [job, taskId] = [this.jobOf(context), randomUUID()];
      await this.kill(context, { point, jobId: job.jobId }, () => lab.publish({ job, taskId }));
      await this.#finish(context);
      await lab.jobIs(job, 2, 60_000);
      await isOnce(context, { taskId, job });
      assert.equal(await statesOf(job.jobId), [2]);
      await lab.isOpen(job);
      await lab.report(taskId, ended('Succeeded', 'All results are in Girder.'));
    });
  }

  #ending(point: KillPoint): void {
    this.test(`killed ${point.name}: the job ends once, with one last line`, async (context) => {
      const { lab } = context;
      await this.staff(context);
      const job = this.jobOf(context);
      const taskId = await lab.publish({ job });
      await lab.jobIs(job, 2, 60_000);
      const end = () => lab.report(taskId, ended('Failed', 'The image is not allowed.'));
      await this.kill(context, { point, jobId: job.jobId }, end);
      await this.#finish(context);
      await lab.jobIs(job, 4, 60_000);
      await isOnce(context, { taskId, job });
      assert.equal(await statesOf(job.jobId), [2, 4]);
      assert.is((await logOf(job.jobId)).match(/The image is not allowed\.\n/g)?.length, 1);
      await lab.isOpen(job, false);
    });
  }

  #cancelling(point: KillPoint): void {
    this.test(`killed ${point.name}: the run is cancelled, and its job ends`, async (context) => {
      const { lab } = context;
      await this.staff(context);
      const job = this.jobOf(context);
      const taskId = await lab.publish({ job });
      await lab.jobIs(job, 2, 60_000);
      await this.kill(context, { point, jobId: job.jobId }, () => cancelJob(job.jobId));
      await this.#finish(context);
      await isCancelled(context, taskId);
      await lab.report(taskId, ended('Cancelled', 'The run was cancelled.'));
      await lab.jobIs(job, 5, 60_000);
      await isOnce(context, { taskId, job });
    });
  }

  #refusing(point: KillPoint): void {
    this.test(`killed ${point.name}: a refused task ends its job once`, async (context) => {
      const { lab } = context;
      await this.staff(context);
      const job = this.jobOf(context);
      const publish = () => lab.publish({ job, headers: { refusal } });
      await this.kill(context, { point, jobId: job.jobId }, publish);
      await this.#finish(context);
      await lab.jobIs(job, 4, 60_000);
      await lab.drained();
      assert.equal(await statesOf(job.jobId), [2, 4]);
      assert.is(await logOf(job.jobId), `${refusal}\n`);
    });
  }

  #forwarding(point: KillPoint): void {
    this.test(`killed ${point.name}: a task for another worker is passed on once`, async (context) => {
      const { lab } = context;
      await this.staff(context);
      await this.kill(context, { point, jobId: 'none' }, () => lab.publish({ task: 'other.task' }));
      await this.#finish(context);
      await until('it is passed on', () => lab.broker.waiting('local'), { withinMs: 60_000 });
      await lab.drained();
      const channel = await lab.broker.channel();
      const { messageCount } = await channel.purgeQueue('local');
      await channel.close();
      assert.is(messageCount, 1);
    });
  }
}

export async function isCancelled({ lab }: Context, taskId: string): Promise<void> {
  await lab.plane.client.until(lab.pathOf(taskId), 'cancelled', {
    holds: (run) => recordAt(run, 'spec')['cancel'] === true,
    withinMs: 60_000,
  });
}

function ended(phase: string, message: string): object {
  // In whole seconds, and later than any look of before.
  const completionTime = new Date(Date.now() + 1_500).toISOString().replace(/\.\d+/, '');
  return { phase, reason: phase, message, completionTime };
}

/** One run, one Secret, no message that is left, and the first line once. */
async function isOnce({ lab }: Context, { taskId, job }: { taskId: string; job: MadeJob }): Promise<void> {
  const run = await lab.run(taskId);
  const secret = await lab.plane.client.get(lab.secretOf(taskId));
  assert.match(JSON.stringify(recordAt(secret, 'metadata')), String(recordAt(run, 'metadata')['uid']));
  await lab.drained();
  assert.is((await lab.runs()).filter((name) => name === `girder-${taskId}`).length, 1);
  const log = await logOf(job.jobId);
  assert.is(log.match(/Runs on Kubernetes/g)?.length, 1, log);
}
