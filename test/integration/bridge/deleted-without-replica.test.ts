import { randomUUID } from 'node:crypto';
import * as assert from 'uvu/assert';
import { mostEntryBytes } from '../../../src/bridge/runs/open-jobs.ts';
import { parseObjectMeta } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { logOf, type MadeJob, storedJob } from '../../e2e/support/girder-job.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab, type BridgeProcess } from './bridge-lab.ts';
import { leasePath } from './kill-tests.ts';

const test = suite<{ lab: BridgeLab }>('a run that is deleted while no replica runs');

test.before(async (context) => {
  context.lab = await BridgeLab.start();
});

test.after(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

/** A task whose run exists and whose job is RUNNING. */
async function aTask(lab: BridgeLab): Promise<{ job: MadeJob; taskId: string }> {
  const job = await lab.job();
  const taskId = await lab.publish({ job });
  await lab.run(taskId);
  await lab.jobIs(job, 2);
  return { job, taskId };
}

async function deleteRun(lab: BridgeLab, taskId: string): Promise<void> {
  await lab.plane.client.delete(lab.secretOf(taskId));
  await lab.plane.client.delete(lab.pathOf(taskId));
}

/** Writes an entry as the bridge does. */
async function enter(
  lab: BridgeLab,
  { uid, namespace, job }: { uid: string; namespace: string; job: MadeJob },
) {
  const { jobId, token } = job;
  const createdAt = new Date().toISOString();
  const value = JSON.stringify({ namespace, name: 'girder-1', jobId, token, createdAt });
  await lab.plane.client.merge(lab.openJobsPath, { stringData: { [uid]: value } });
}

/** Creates a run that the cache of the bridge does not have, and returns its uid. */
async function hiddenRun(lab: BridgeLab): Promise<string> {
  const run = await lab.plane.client.create(paths.dockerRuns('default'), {
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRun',
    metadata: { name: 'girder-1' },
    spec: { image: 'busybox:1.36' },
  });
  return parseObjectMeta(run).uid;
}

test('the next replica ends its job, also that of a run without an entry; the job of a run that exists stays', async ({
  lab,
}) => {
  const first = await lab.bridge();
  const [deleted, kept] = [await aTask(lab), await aTask(lab)];
  const [unwatched, unseen] = [await lab.job(), await lab.job()];
  await lab.isOpen(deleted.job);
  await first.kill();
  // The next one need not wait until the lease has expired.
  await lab.plane.client.delete(leasePath);
  await deleteRun(lab, deleted.taskId);
  // That of a queue which was taken out of the values, and what an older bridge has left.
  await enter(lab, { uid: 'of-another-namespace', namespace: 'elsewhere', job: unwatched });
  await enter(lab, { uid: await hiddenRun(lab), namespace: 'default', job: unseen });
  const [keptEntry] = (await lab.openJobs()).filter(({ jobId }) => jobId === kept.job.jobId);
  assert.ok(keptEntry !== undefined);
  await lab.plane.client.merge(lab.openJobsPath, { data: { [keptEntry.uid]: null } });

  const second = await lab.bridge();
  await lab.jobIs(deleted.job, 5, 90_000);
  assert.match(await logOf(deleted.job.jobId), /The DockerRun default\/girder-.* was deleted\.\n$/);
  await lab.isOpen(deleted.job, false);
  await lab.isOpen(kept.job);
  for (const job of [unwatched, unseen]) {
    await lab.isOpen(job);
    assert.is((await storedJob(job.jobId)).status, 0);
  }
  assert.is((await storedJob(kept.job.jobId)).status, 2);
  // A run that is deleted while a replica leads leaves no entry either.
  await deleteRun(lab, kept.taskId);
  await lab.jobIs(kept.job, 5);
  await lab.isOpen(kept.job, false);

  // Nor one that is deleted before the leader has looked at its job.
  const [job, taskId] = [await lab.job(), randomUUID()];
  await lab.publish({ job, taskId });
  await lab.isOpen(job);
  await deleteRun(lab, taskId);
  await lab.jobIs(job, 5);
  await lab.isOpen(job, false);
  await second.stop();
});

/** Waits until a message waits for what the log says. */
async function waits(bridge: BridgeProcess, words: RegExp): Promise<void> {
  await until(`a message waits: ${words}`, () => bridge.log, {
    holds: (log) => words.test(log),
    withinMs: 60_000,
    everyMs: 100,
  });
}

test('a message waits in its queue while its job cannot be entered, and the log says what to do', async ({
  lab,
}) => {
  const bridge = await lab.bridge();
  await lab.plane.client.delete(lab.openJobsPath);
  const job = await lab.job();
  await lab.publish({ job });
  await waits(
    bridge,
    /dockerrun-bridge-jobs with the open Girder jobs does not exist: install the chart again/,
  );
  await lab.makeOpenJobs();
  await lab.isOpen(job);
  await lab.drained();

  const filler = { filler: Buffer.alloc(mostEntryBytes - 400).toString('base64') };
  await lab.plane.client.merge(lab.openJobsPath, { data: filler });
  const next = await lab.job();
  await lab.publish({ job: next });
  await waits(bridge, /has no room for another one: wait until some have ended, and lower bridge\.maxRuns/);
  await lab.plane.client.merge(lab.openJobsPath, { data: { filler: null } });
  await lab.isOpen(next);
  await lab.drained();
});

test.run();
