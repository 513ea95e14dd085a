import type { CoreV1Event, V1Job } from '@kubernetes/client-node';
import { apiVersion, kind, suspendedAnnotation } from '../../api/names.ts';
import type { DockerRunStatus } from '../../api/status.ts';
import type { Connection } from '../../kube/connection.ts';
import { parseObjectMeta } from '../../kube/json.ts';
import {
  ConflictError,
  isConflict,
  isNotFound,
  isSafeToResend,
  isUnanswered,
  KubeError,
} from '../../kube/kube-error.ts';
import { paths } from '../../kube/paths.ts';
import { requestJson } from '../../kube/request.ts';
import { describe } from '../../support/errors.ts';
import type { Action } from '../decide/outcome.ts';
import type { RunEvent } from '../decide/run-event.ts';
import { isJobOf, type Observed, type ObservedRun, type Refusal } from '../observe/observed.ts';
import { parseJob } from '../observe/parse.ts';

/** The field manager of everything that the controller writes. */
const fieldManager = 'dockerrun-controller';

/** What the API server refused; the next decision needs it. */
type Refusals = Partial<Pick<Observed, 'jobRefusal' | 'cleanupRefusal'>>;

/** A run and the resourceVersion of it that the decision was made from. */
type Decided = { readonly run: ObservedRun; readonly version: string | undefined };

/**
 * Carries out an action; returns what the API server refused, if it did.
 * @throws {ConflictError} the run has changed since it was decided on.
 */
export async function applyAction(
  connection: Connection,
  { action, run, version }: Decided & { action: Action },
  signal: AbortSignal,
): Promise<Refusals | undefined> {
  const { namespace } = run.metadata;
  switch (action.kind) {
    case 'createJob': {
      await assertFresh(connection, run.metadata, version, signal);
      const jobRefusal = await createJob(connection, { run, job: action.job }, signal);
      return jobRefusal && { jobRefusal };
    }
    case 'createCleanupJob': {
      const cleanupRefusal = await createJob(connection, { run, job: action.job, isCleanup: true }, signal);
      return cleanupRefusal && { cleanupRefusal };
    }
    case 'suspendJob':
    case 'resumeJob':
      await suspendJob(connection, { ...action, namespace }, signal);
      return undefined;
    case 'deleteJob': {
      const path = `${paths.jobs(namespace)}/${action.name}`;
      const propagationPolicy = action.waits === true ? 'Foreground' : 'Background';
      await deleteObserved(connection, path, { uid: action.uid, propagationPolicy }, signal);
      return undefined;
    }
    case 'deletePod': {
      const path = `${paths.pods(namespace)}/${action.name}`;
      await deleteObserved(connection, path, { uid: action.uid }, signal);
      return undefined;
    }
    case 'deleteRun':
      await deleteRun(connection, { run, version }, signal);
      return undefined;
  }
}

async function createJob(
  connection: Connection,
  { run, job, isCleanup = false }: { run: ObservedRun; job: V1Job; isCleanup?: boolean },
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const path = paths.jobs(run.metadata.namespace);
  try {
    await requestJson(connection, { method: 'POST', path, query: { fieldManager }, body: job, signal });
    return undefined;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (error.reason === 'AlreadyExists')
      return existingJob(connection, `${path}/${job.metadata?.name}`, { run, isCleanup }, signal);
    signal.throwIfAborted();
    if (isSafeToResend(error)) throw error;
    return { message: error.message, permanent: error.status === 400 || error.status === 422 };
  }
}

/**
 * A Job of that name is either this run's, which the cache does not show yet, or somebody else's.
 * @throws {ConflictError} it is this run's, but of an earlier spec, so that it must be given up first.
 */
async function existingJob(
  connection: Connection,
  path: string,
  { run, isCleanup }: { run: ObservedRun; isCleanup: boolean },
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const job = parseJob(await requestJson(connection, { method: 'GET', path, signal }));
  if (job.ownerUid === run.metadata.uid) {
    if (isCleanup || isJobOf(job, run)) return undefined;
    throw new ConflictError(`Job ${job.name} is of an earlier spec of its run, and not in the cache yet`);
  }
  return { message: `a Job ${job.name} that does not belong to this run already exists`, permanent: true };
}

/** Suspends or resumes exactly the Job that was observed; annotates one that this operator suspended. */
async function suspendJob(
  connection: Connection,
  job: { kind: 'suspendJob' | 'resumeJob'; namespace: string; name: string; uid: string },
  signal: AbortSignal,
): Promise<void> {
  const suspend = job.kind === 'suspendJob';
  const annotations = { [suspendedAnnotation]: suspend ? 'true' : null };
  try {
    await requestJson(connection, {
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

/** Deletes exactly the Job or pod that was observed, with its dependents, unless it is gone or replaced. */
async function deleteObserved(
  connection: Connection,
  path: string,
  { uid, ...options }: { uid: string; propagationPolicy?: 'Background' | 'Foreground' },
  signal: AbortSignal,
): Promise<void> {
  const body = { ...options, preconditions: { uid } };
  try {
    await requestJson(connection, { method: 'DELETE', path, body, signal });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

/** Deletes an expired run unless it has changed since, because its user may have raised its time to live. */
async function deleteRun(
  connection: Connection,
  { run, version }: Decided,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, uid } = run.metadata;
  const path = `${paths.dockerRuns(namespace)}/${name}`;
  const body = { propagationPolicy: 'Background', preconditions: { uid, resourceVersion: version } };
  try {
    await requestJson(connection, { method: 'DELETE', path, body, signal });
  } catch (error) {
    throwUnlessGone(error);
  }
}

/**
 * Writes the whole status by server-side apply; returns the stored object, or undefined when the run is gone.
 * @throws {ConflictError} the run has changed since it was decided on: another replica, or a user, wrote it.
 */
export async function applyStatus(
  connection: Connection,
  { run, version }: Decided,
  status: DockerRunStatus,
  signal: AbortSignal,
): Promise<unknown> {
  const { namespace, name, uid } = run.metadata;
  const metadata = { name, namespace, uid, resourceVersion: version };
  const path = `${paths.dockerRuns(namespace)}/${name}/status`;
  return writeStatus(connection, { path, body: { apiVersion, kind, metadata, status } }, signal);
}

/** The uid keeps the status of a deleted object from being written to a new one of the same name. */
type StatusWrite = {
  readonly path: string;
  readonly body: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: { readonly uid: string; readonly resourceVersion: string | undefined };
    readonly status: object;
  };
};

/** As {@link applyStatus}, for a status of any kind. */
export async function writeStatus(
  connection: Connection,
  { path, body }: StatusWrite,
  signal: AbortSignal,
): Promise<unknown> {
  const query = { fieldManager, force: 'true' };
  const contentType = 'application/apply-patch+yaml';
  try {
    return await requestJson(connection, { method: 'PATCH', path, query, contentType, body, signal });
  } catch (error) {
    throwUnlessGone(error);
    return undefined;
  }
}

/** What is gone needs no write; what has changed is reconciled again. */
function throwUnlessGone(error: unknown): void {
  if (isConflict(error)) throw new ConflictError(describe(error));
  if (!isNotFound(error)) throw error;
}

/**
 * Checks that the run has not changed since it was decided on. A cache can lag, by more than a minute if its
 * connection hangs, and another replica may lead: without this check, a run that has ended could be started
 * again.
 * @throws {ConflictError} the API server has another version of the run.
 */
async function assertFresh(
  connection: Connection,
  { namespace, name }: ObservedRun['metadata'],
  version: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  try {
    const path = `${paths.dockerRuns(namespace)}/${name}`;
    const { resourceVersion } = parseObjectMeta(
      await requestJson(connection, { method: 'GET', path, signal }),
    );
    if (resourceVersion === version) return;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  throw new ConflictError(`the cache does not have the latest version of ${namespace}/${name} yet`);
}

/** Creates an Event, unless it exists already. */
export async function recordEvent(
  connection: Connection,
  event: CoreV1Event | RunEvent,
  signal: AbortSignal,
): Promise<void> {
  const path = paths.events(event.metadata.namespace ?? '');
  const post = () => requestJson(connection, { method: 'POST', path, body: event, signal });
  try {
    // After a broken connection the Event may be missing, and the next reconcile does not create it.
    await post().catch((error: unknown) => {
      if (!isUnanswered(error)) throw error;
      return post();
    });
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}
