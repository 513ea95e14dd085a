import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { isRecord, parseJson } from '../../api/json-values.ts';
import { RunError } from '../../support/errors.ts';
import { statusOf } from '../engine-error.ts';
import type { BindMount } from './container-spec.ts';
import { inspectState } from '../container-state.ts';
import type { EngineContext } from '../engine.ts';
import { engineStream } from '../engine-call.ts';

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
