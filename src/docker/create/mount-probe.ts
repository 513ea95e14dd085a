import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { isRecord, parseJson, textOf } from '../../api/json-values.ts';
import { RunError } from '../../support/errors.ts';
import { statusOf, toVolumeError } from '../engine-error.ts';
import type { BindMount, NamedVolume } from './container-spec.ts';
import { cancelledBeforeStart } from './create-container.ts';
import { inspectState } from '../container-state.ts';
import type { EngineContext } from '../engine.ts';
import { engineCall, engineStream } from '../engine-call.ts';

/**
 * Looks for the probes of the mounts through a container that is created but not started; the engine mounts
 * the volumes to answer. A bind mount names a path on the engine's host: where that is not the worker's
 * directory, the target would find an empty directory, without any error.
 * @throws RunError HostPathNotVisible for the first mount in which the engine does not see the worker's file
 */
export async function checkMounts(
  context: EngineContext,
  id: string,
  mounts: readonly BindMount[],
): Promise<void> {
  for (const mount of mounts) {
    const { probe } = mount;
    if (probe === undefined) continue;
    const isSame =
      'file' in probe
        ? await isSeen(context, id, posix.join(mount.target, probe.file))
        : await isSameAs(context, id, { target: mount.target, local: probe.sameAs });
    if (!isSame) throw new RunError('HostPathNotVisible', notVisible(mount, context.engine.socketPath));
  }
}

/** How often a directory is compared that changes while it is. */
const comparisons = 5;

/**
 * Compares when both were modified, to the nanosecond. Another program may modify the directory at any time,
 * so only a difference from something that did not change in the meantime counts.
 */
async function isSameAs(
  context: EngineContext,
  id: string,
  { target, local }: { target: string; local: string },
): Promise<boolean> {
  for (let time = 0; time < comparisons; time += 1) {
    const { mtimeNs: before } = await stat(local, { bigint: true });
    const engine = await modifiedAt(context, id, target);
    if (engine === undefined || engine === before) return true;
    if (before === (await stat(local, { bigint: true })).mtimeNs) return false;
  }
  return true;
}

/** In nanoseconds since 1970; undefined if the engine cannot say. */
async function modifiedAt(
  { engine, signal }: EngineContext,
  id: string,
  path: string,
): Promise<bigint | undefined> {
  try {
    const answer = await engineStream({ signal }, (abortSignal) =>
      engine.docker.getContainer(id).infoArchive({ path, abortSignal }),
    );
    answer.destroy();
    const header = 'headers' in answer && isRecord(answer.headers) ? answer.headers[statHeader] : undefined;
    const text = typeof header === 'string' ? Buffer.from(header, 'base64').toString() : '';
    const stats = parseJson(text);
    return isRecord(stats) ? nanoseconds(stats['mtime']) : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

const statHeader = 'x-docker-container-path-stat';

/** Go's JSON of a time: RFC 3339 with up to nine digits of a fraction. */
export function nanoseconds(time: unknown): bigint | undefined {
  const match =
    typeof time === 'string' ? /^([^.Z+]+T[0-9:]+)(?:[.]([0-9]{1,9}))?(Z|[+-].+)$/.exec(time) : null;
  const seconds = Date.parse(`${match?.[1]}${match?.[3]}`) / 1000;
  if (match === null || !Number.isSafeInteger(seconds)) return undefined;
  return BigInt(seconds) * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

/** False only for a clear "no such file": an engine that cannot check must not fail the run. */
async function isSeen({ engine, signal }: EngineContext, id: string, path: string): Promise<boolean> {
  try {
    const answer = await engineStream({ signal }, (abortSignal) =>
      engine.docker.getContainer(id).infoArchive({ path, abortSignal }),
    );
    answer.destroy();
    return true;
  } catch (error) {
    signal.throwIfAborted();
    return statusOf(error) !== 404 || (await inspectState(engine, id, { signal })).phase === 'gone';
  }
}

function notVisible({ source, configuredBy }: BindMount, socketPath: string): string {
  const check = configuredBy === undefined ? '' : ` (check ${configuredBy})`;
  return `The Docker Engine on ${socketPath} sees another directory at ${source} than the worker does${check}: the files of the worker do not reach the target`;
}

/**
 * Creates those of the volumes that do not exist and may be created, and checks all of them. Without this, the engine
 * would create every missing volume, also one whose name is mistyped.
 * @throws RunError NamedVolumeNotFound, NamedVolumeNotAllowed, ContainerCreateFailed, EngineUnavailable, or Cancelled
 */
export async function provideVolumes(
  context: EngineContext,
  volumes: readonly NamedVolume[] = [],
): Promise<void> {
  for (const volume of volumes) {
    const found = await inspectVolume(context, volume);
    if (found === undefined && volume.createdWith !== undefined) {
      // Another run may create it at the same time, which the engine takes for a success.
      await createVolume(context, volume.name, volume.createdWith);
      checkVolume(volume, await inspectVolume(context, volume));
    } else checkVolume(volume, found);
  }
}

/** The same check of volumes that exist, again when a container holds them: until then, others can replace one. */
export async function checkVolumes(
  context: EngineContext,
  volumes: readonly NamedVolume[] = [],
): Promise<void> {
  for (const volume of volumes) checkVolume(volume, await inspectVolume(context, volume));
}

/** Undefined if the engine has no such volume. */
async function inspectVolume(context: EngineContext, { name }: NamedVolume): Promise<unknown> {
  try {
    return await volumeCall<unknown>(context, `inspect the volume ${name}`, (abortSignal) =>
      context.engine.docker.getVolume(name).inspect({ abortSignal }),
    );
  } catch (error) {
    if (error instanceof RunError && statusOf(error.cause) === 404) return undefined;
    throw error;
  }
}

async function createVolume(
  context: EngineContext,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const options = { Name: name, Driver: 'local', Labels: { ...labels } };
  await volumeCall(context, `create the volume ${name}`, (abortSignal) =>
    context.engine.docker.createVolume({ ...options, abortSignal }),
  );
}

async function volumeCall<T>(
  { engine, signal }: EngineContext,
  what: string,
  send: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await engineCall({ signal }, send);
  } catch (error) {
    if (signal.aborted) throw cancelledBeforeStart();
    throw toVolumeError(error, { what, socketPath: engine.socketPath });
  }
}

/** How many names of options a message lists. */
const maxListed = 5;

/** Options of the driver local are those of `mount`: with them a volume can be any directory, device or server. */
function checkVolume({ name, field }: NamedVolume, found: unknown): void {
  if (found === undefined) {
    const text = `${field}: there is no volume of Docker named ${name} on the node`;
    throw new RunError('NamedVolumeNotFound', text);
  }
  const { Driver, Options } = isRecord(found) ? found : {};
  const driver = textOf(Driver) ?? 'unknown';
  if (driver !== 'local') {
    const text = `${field}: the driver of the volume ${name} is ${driver.slice(0, 100)}; only volumes of the driver local can be mounted`;
    throw new RunError('NamedVolumeNotAllowed', text);
  }
  const options = isRecord(Options) ? Object.keys(Options) : [];
  if (options.length === 0) return;
  const listed = options.slice(0, maxListed).map((option) => option.slice(0, 100));
  const text = `${field}: the volume ${name} was created with options (${listed.join(', ')}), with which it can be any directory of the node or of a server; use a bindMount or a PersistentVolumeClaim`;
  throw new RunError('NamedVolumeNotAllowed', text);
}
