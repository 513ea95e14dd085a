import { apiVersion, labels, setKind } from '../../../api/names.ts';
import type { DockerRunSetStatus } from '../../../api/set/set-status.ts';
import type { Connection } from '../../../kube/connection.ts';
import { recordAt, textAt } from '../../../kube/json.ts';
import {
  ConflictError,
  isConflict,
  isNotFound,
  isSafeToResend,
  KubeError,
} from '../../../kube/kube-error.ts';
import { paths } from '../../../kube/paths.ts';
import { requestJson } from '../../../kube/request.ts';
import { writeStatus } from '../../apply/apply.ts';
import type { Refusal } from '../../observe/observed.ts';
import type { SetAction } from '../decide/set-outcome.ts';
import type { ObservedSet } from '../observe/observed-set.ts';

const fieldManager = 'dockerrun-controller';

/** What the API server refused; the next decision needs it. */
export type SetRefusals = { readonly chunkRefusal: Refusal } | { readonly plannerRefusal: Refusal };

/** What an action led to: the stored object for the caches, or a refusal. */
export type SetApplied = {
  readonly run?: unknown;
  readonly job?: unknown;
  readonly refusal?: SetRefusals | undefined;
};

/** A set and the resourceVersion of it that the decision was made from. */
export type DecidedSet = { readonly set: ObservedSet; readonly version: string | undefined };

/** Carries out an action. @throws {ConflictError} the name of what it creates belongs to something else. */
export async function applySetAction(
  connection: Connection,
  { action, set }: { action: SetAction; set: ObservedSet },
  signal: AbortSignal,
): Promise<SetApplied> {
  const { namespace, uid } = set.metadata;
  const created = (path: string, body: object) => create(connection, { path, body, setUid: uid }, signal);
  switch (action.kind) {
    case 'createPlanner': {
      const { stored, refusal } = await created(paths.jobs(namespace), action.job);
      return refusal === undefined ? { job: stored } : { refusal: { plannerRefusal: refusal } };
    }
    case 'createChunk': {
      const { stored, refusal } = await created(paths.dockerRuns(namespace), action.run);
      return refusal === undefined ? { run: stored } : { refusal: { chunkRefusal: refusal } };
    }
    case 'deletePlanner':
      await remove(connection, `${paths.jobs(namespace)}/${action.name}`, action.uid, signal);
      return {};
    case 'deleteChunk':
      await remove(connection, `${paths.dockerRuns(namespace)}/${action.name}`, action.uid, signal);
      return {};
    case 'cancelChunk':
      await cancel(connection, `${paths.dockerRuns(namespace)}/${action.name}`, action.uid, signal);
      return {};
  }
}

type Created = { readonly stored?: unknown; readonly refusal?: Refusal };

/** Creates an object, unless the set has created it before: its name says what is in it. */
async function create(
  connection: Connection,
  { path, body, setUid }: { path: string; body: object; setUid: string },
  signal: AbortSignal,
): Promise<Created> {
  try {
    const stored = await requestJson(connection, {
      ...{ method: 'POST', path, query: { fieldManager }, body, signal },
    });
    return { stored };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (error.reason === 'AlreadyExists') return existing(connection, { path, body, setUid }, signal);
    signal.throwIfAborted();
    if (isSafeToResend(error) || error.status >= 500) throw error;
    return { refusal: { message: error.message, permanent: error.status === 400 || error.status === 422 } };
  }
}

async function existing(
  connection: Connection,
  { path, body, setUid }: { path: string; body: object; setUid: string },
  signal: AbortSignal,
): Promise<Created> {
  const name = textAt(recordAt(body, 'metadata'), 'name') ?? '';
  const stored = await requestJson(connection, { method: 'GET', path: `${path}/${name}`, signal });
  const metadata = recordAt(stored, 'metadata');
  if (textAt(metadata, 'deletionTimestamp') !== undefined)
    throw new ConflictError(`${name} of an earlier attempt is still being deleted`);
  if (textAt(recordAt(metadata, 'labels'), labels.setUid) === setUid) return { stored };
  const message = `${name} already exists and does not belong to this set`;
  return { refusal: { message, permanent: true } };
}

/** Deletes exactly the object that was observed, with its dependents, unless it is gone or replaced. */
async function remove(connection: Connection, path: string, uid: string, signal: AbortSignal): Promise<void> {
  const body = { propagationPolicy: 'Background', preconditions: { uid } };
  try {
    await requestJson(connection, { method: 'DELETE', path, body, signal });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

async function cancel(connection: Connection, path: string, uid: string, signal: AbortSignal): Promise<void> {
  try {
    await requestJson(connection, {
      ...{ method: 'PATCH', path, query: { fieldManager }, signal },
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid }, spec: { cancel: true } },
    });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

/**
 * Writes the whole status by server-side apply; returns the stored object, or undefined when the set is gone.
 * @throws {ConflictError} the set has changed since it was decided on.
 */
export async function applySetStatus(
  connection: Connection,
  { set, version }: DecidedSet,
  status: DockerRunSetStatus,
  signal: AbortSignal,
): Promise<unknown> {
  const { namespace, name, uid } = set.metadata;
  const metadata = { name, namespace, uid, resourceVersion: version };
  const path = `${paths.sets(namespace)}/${name}/status`;
  return writeStatus(connection, { path, body: { apiVersion, kind: setKind, metadata, status } }, signal);
}
