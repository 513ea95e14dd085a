import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { environment } from './environment.ts';
import { aJob, logOf, type MadeJob, statesOf, type WantedJob } from './girder-job.ts';
import { containersOf, type Lab, type Manifest } from './runs.ts';

/** The states of a job in Girder. */
export const running = 2;
export const succeeded = 3;
export const failed = 4;
export const cancelled = 5;

/** Longer than the original's 20 s, for a busy machine, and shorter than any stall timeout. */
const cancelSeconds = 45;

/** A run with its job in Girder. */
export type JobRun = { readonly name: string; readonly job: MadeJob };

/** `spec.girder` with the admin's key; `more` overrides or adds fields, such as `apiUrl`. */
export function girderOf(more: Manifest = {}): Manifest {
  return { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' }, ...more };
}

/** The spec of a run that copies a file of Girder into an item, where it is `out.bin`. */
export function copyOf(fileId: string, itemId: string): Manifest {
  return {
    command: ['cp', '$(in)', '$(out)'],
    transforms: [
      { name: 'in', girderFileIdToVolume: { fileId } },
      { name: 'out', volumePath: { filename: 'out.bin' } },
    ],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
    girder: girderOf(),
  };
}

/** Stores the token of a job in the namespace; returns `spec.girder.job` for it. */
export async function jobOf(lab: Lab, name: string, { jobId, token }: MadeJob): Promise<Manifest> {
  await lab.secret(`job-${name}`, { token });
  return { id: jobId, tokenSecretRef: { name: `job-${name}`, key: 'token' } };
}

/** Creates a job and applies a run that reports to it; the job is added to `spec.girder`. */
export async function applyWithJob(
  lab: Lab,
  name: string,
  spec: Manifest,
  wanted: WantedJob = {},
): Promise<JobRun> {
  const job = await aJob({ title: name, ...wanted });
  const girder = { ...girderOf(), ...(spec['girder'] as Manifest), job: await jobOf(lab, name, job) };
  await lab.run(name, { ...spec, girder });
  return { name, job };
}

/** Executes a run with a job; both must succeed. Returns the job's whole log. */
export async function successfulLog(lab: Lab, name: string, spec: Manifest): Promise<string> {
  const { job } = await applyWithJob(lab, name, spec);
  await succeeds(lab, name);
  assert.equal(await statesOf(job.jobId), [running, succeeded]);
  return logOf(job.jobId);
}

/** Waits for the end of a run, which must succeed and leave no container. */
export async function succeeds(lab: Lab, name: string): Promise<DockerRunStatus> {
  const status = await lab.ended(name);
  assert.is(status.phase, 'Succeeded', `${status.reason}: ${status.message}`);
  assert.equal(await containersOf((await lab.get(name)).metadata.uid), []);
  return status;
}

/** When the worker of a run ended, in milliseconds since 1970, however late the cluster saw it. */
export async function workerEndedAt(lab: Lab, { podName = '' }: DockerRunStatus): Promise<number> {
  const path = '{.status.containerStatuses[?(@.name=="worker")].state.terminated.finishedAt}';
  return Date.parse(await lab.kubectl('get', 'pod', podName, '-o', `jsonpath=${path}`));
}

/** Waits until a run whose job was cancelled has ended; it must leave no container. */
export async function isCancelledInGirder(lab: Lab, { name }: JobRun): Promise<DockerRunStatus> {
  const status = await lab.ended(name);
  assert.is(status.phase, 'Cancelled', status.message);
  assert.is(status.reason, 'CancelledInGirder', status.message);
  assert.equal(await containersOf((await lab.get(name)).metadata.uid), []);
  return status;
}

/** As `isCancelledInGirder`, for a run that has a worker; the worker must end soon after this call. */
export async function endsCancelled(lab: Lab, run: JobRun): Promise<DockerRunStatus> {
  const began = Date.now();
  const status = await isCancelledInGirder(lab, run);
  const seconds = ((await workerEndedAt(lab, status)) - began) / 1_000;
  assert.ok(seconds < cancelSeconds, `the worker ended ${seconds} s after the cancel`);
  return status;
}
