import type { V1Job } from '@kubernetes/client-node';
import { apiVersion, kind, suspendedAnnotation } from '../../api/names.ts';
import type { DockerRunStatus } from '../../api/status.ts';
import type { Connection } from '../../kube/connection.ts';
import { isConflict, isNotFound, isUnheard, KubeError } from '../../kube/kube-error.ts';
import { requestJson } from '../../kube/request.ts';
import { paths } from '../../kube/resources.ts';
import { describe } from '../../support/errors.ts';
import type { WorkerConfig } from '../config.ts';
import type { Action, Observed, Refusal } from '../decide/decision.ts';
import { desiredJob, type Run } from '../job/job.ts';
import { type ObservedRun, parseJob } from '../observe/observed.ts';
import type { Policy } from '../policy/policy.ts';
import { StaleError } from './stale.ts';
import { desiredTidyJob } from '../job/tidy-job.ts';

/** The owner of every field that the controller writes, for server-side apply. */
const fieldManager = 'dockerrun-controller';

/** What carrying out actions needs. */
export type Applier = { connection: Connection; worker: WorkerConfig };

/** What the API server refused, which the next decision has to know. */
export type Refusals = Partial<Pick<Observed, 'jobRefusal' | 'tidyRefusal'>>;

/** A run, and the version of it that was decided on. */
export type Decided = { readonly run: ObservedRun; readonly version: string | undefined };

/** Carries out one action; gives what the API server refused, if it did. */
export async function applyAction(
  applier: Applier,
  { action, run, version, policy }: Decided & { action: Action; policy: Policy },
  signal: AbortSignal,
): Promise<Refusals | undefined> {
  switch (action.kind) {
    case 'createJob': {
      const jobRefusal = await createJob(
        applier,
        { run, job: desiredJob(valid(run), applier.worker, policy) },
        signal,
      );
      return jobRefusal && { jobRefusal };
    }
    case 'createTidyJob': {
      const job = desiredTidyJob(valid(run), action, applier.worker, policy);
      const tidyRefusal = await createJob(applier, { run, job }, signal);
      return tidyRefusal && { tidyRefusal };
    }
    case 'suspendJob':
    case 'resumeJob':
      await suspendJob(applier, { ...action, namespace: run.metadata.namespace }, signal);
      return undefined;
    case 'deleteJob': {
      const path = `${paths.jobs(run.metadata.namespace)}/${action.name}`;
      const propagationPolicy = action.waits === true ? 'Foreground' : 'Background';
      await deleteObserved(applier, path, { uid: action.uid, propagationPolicy }, signal);
      return undefined;
    }
    case 'deletePod': {
      const path = `${paths.pods(run.metadata.namespace)}/${action.name}`;
      await deleteObserved(applier, path, { uid: action.uid }, signal);
      return undefined;
    }
    case 'deleteRun':
      await deleteRun(applier, { run, version }, signal);
      return undefined;
  }
}

function valid({ metadata, spec }: ObservedRun): Run {
  if (spec === undefined) throw new TypeError('a Job is made from a valid spec only');
  return { metadata, spec };
}

async function createJob(
  applier: Applier,
  { run, job }: { run: ObservedRun; job: V1Job },
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const path = paths.jobs(run.metadata.namespace);
  try {
    await requestJson(applier.connection, {
      method: 'POST',
      path,
      query: { fieldManager },
      body: job,
      signal,
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (error.reason === 'AlreadyExists')
      return existingJob(applier, `${path}/${job.metadata?.name}`, run, signal);
    signal.throwIfAborted();
    if (isUnheard(error)) throw error;
    return { message: error.message, permanent: error.status === 400 || error.status === 422 };
  }
}

/** A Job of that name is our own from a moment before, which the cache has not seen, or somebody else's. */
async function existingJob(
  applier: Applier,
  path: string,
  run: ObservedRun,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const job = parseJob(await requestJson(applier.connection, { method: 'GET', path, signal }));
  if (job.ownerUid === run.metadata.uid) return undefined;
  return { message: `a Job ${job.name} that is not of this run exists already`, permanent: true };
}

/** Suspends exactly the Job that was observed, or lets it go on, and notes on it whose doing that is. */
async function suspendJob(
  applier: Applier,
  job: { kind: 'suspendJob' | 'resumeJob'; namespace: string; name: string; uid: string },
  signal: AbortSignal,
): Promise<void> {
  const suspend = job.kind === 'suspendJob';
  const annotations = { [suspendedAnnotation]: suspend ? 'true' : null };
  try {
    await requestJson(applier.connection, {
      method: 'PATCH',
      path: `${paths.jobs(job.namespace)}/${job.name}`,
      query: { fieldManager },
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid: job.uid, annotations }, spec: { suspend } },
      signal,
    });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

/** Deletes exactly the Job or pod that was observed, with what it owns; one that is gone or replaced is fine. */
async function deleteObserved(
  applier: Applier,
  path: string,
  { uid, ...options }: { uid: string; propagationPolicy?: 'Background' | 'Foreground' },
  signal: AbortSignal,
): Promise<void> {
  const body = { ...options, preconditions: { uid } };
  try {
    await requestJson(applier.connection, { method: 'DELETE', path, body, signal });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

/** Deletes a run in its time, unless it has changed since: its user may have given it more. */
async function deleteRun(applier: Applier, { run, version }: Decided, signal: AbortSignal): Promise<void> {
  const { namespace, name, uid } = run.metadata;
  const path = `${paths.dockerRuns(namespace)}/${name}`;
  const body = { propagationPolicy: 'Background', preconditions: { uid, resourceVersion: version } };
  try {
    await requestJson(applier.connection, { method: 'DELETE', path, body, signal });
  } catch (error) {
    throwUnlessGone(error);
  }
}

/**
 * Writes the whole status by server-side apply; gives the stored object, or nothing when the run is gone. Rejects with
 * a StaleError when the run is not the version any more that was decided on: another replica, or a user, knows more.
 */
export async function applyStatus(
  applier: Applier,
  { run, version }: Decided,
  status: DockerRunStatus,
  signal: AbortSignal,
): Promise<unknown> {
  const { namespace, name, uid } = run.metadata;
  const metadata = { name, namespace, uid, resourceVersion: version };
  try {
    return await requestJson(applier.connection, {
      method: 'PATCH',
      path: `${paths.dockerRuns(namespace)}/${name}/status`,
      query: { fieldManager, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      // The uid keeps the status of a deleted run away from one that was applied again under its name.
      body: { apiVersion, kind, metadata, status },
      signal,
    });
  } catch (error) {
    throwUnlessGone(error);
    return undefined;
  }
}

/** A run that is gone needs no write; one that is not the version any more that was decided on is decided on anew. */
function throwUnlessGone(error: unknown): void {
  if (isConflict(error)) throw new StaleError(describe(error));
  if (!isNotFound(error)) throw error;
}
