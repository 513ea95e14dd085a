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

/** The original's own bound for a cancel is 20 s; on a busy machine it may be more, but less than any stall is borne. */
const cancelSeconds = 45;

/** A run in a namespace of the tests, with its job in Girder. */
export type JobRun = { readonly name: string; readonly job: MadeJob };

/** `spec.girder` of a run with the admin's key; `more` goes beside it, as another `apiUrl`. */
export function girderOf(more: Manifest = {}): Manifest {
  return { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' }, ...more };
}

/** `spec.girder.job` of a job whose token this stores in the namespace. */
export async function jobOf(lab: Lab, name: string, { jobId, token }: MadeJob): Promise<Manifest> {
  await lab.secret(`job-${name}`, { token });
  return { id: jobId, tokenSecretRef: { name: `job-${name}`, key: 'token' } };
}

/** Makes a job and applies a run that reports to it; the spec's `girder` is put beside the job. */
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

/** Does a run with a job, which must succeed in both places; gives the job's whole log. */
export async function successfulLog(lab: Lab, name: string, spec: Manifest): Promise<string> {
  const { job } = await applyWithJob(lab, name, spec);
  await succeeds(lab, name);
  assert.equal(await statesOf(job.jobId), [running, succeeded]);
  return logOf(job.jobId);
}

/** Waits for the end of a run that must be a success, and must leave no container. */
export async function succeeds(lab: Lab, name: string): Promise<DockerRunStatus> {
  const status = await lab.ended(name);
  assert.is(status.phase, 'Succeeded', `${status.reason}: ${status.message}`);
  assert.equal(await containersOf((await lab.get(name)).metadata.uid), []);
  return status;
}

/** Waits for a run to end because its job was cancelled, and to leave no container, both in time. */
export async function endsCancelled(lab: Lab, { name }: JobRun): Promise<DockerRunStatus> {
  const status = await lab.ended(name, cancelSeconds);
  assert.is(status.phase, 'Cancelled');
  assert.is(status.reason, 'CancelledInGirder', status.message);
  assert.equal(await containersOf((await lab.get(name)).metadata.uid), []);
  return status;
}
