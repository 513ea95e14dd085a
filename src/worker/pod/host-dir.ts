import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { namedTemporaryVolumePath } from '../../api/names.ts';
import { workerPaths } from '../../api/plan.ts';
import { describe, RunError } from '../../support/errors.ts';
import { removeDirectory } from './clear-directory.ts';
import type { SharedVolume } from '../run-environment.ts';
import { sharedMode } from '../shared-mode.ts';

/** A temporary volume in a directory of the node, which nobody but us deletes. */
export type HostDirVolume = { volume: SharedVolume; remove: () => Promise<void> };

/** Its directory in `hostDir`, so that another attempt finds what a killed worker left. */
const directoryOf = (runUid: string, name: string) => `dockerrun-${runUid}-${name}`;

/** Removes what an earlier attempt left of the volume, if it left something. */
export async function removeHostDirVolume(
  { name, runUid }: { name: string; runUid: string },
  signal: AbortSignal,
): Promise<void> {
  await removeDirectory(workerPaths.volume(name), directoryOf(runUid, name), signal);
}

/**
 * Makes the volume as a subdirectory of `hostDir`, which the pod has mounted; its name is that of the run, so that
 * another attempt finds and removes what a killed worker left.
 * @throws RunError HostPathNotVisible when the node does not allow it
 */
export async function openHostDirVolume(
  { name, hostDir, runUid }: { name: string; hostDir: string; runUid: string },
  signal: AbortSignal,
): Promise<HostDirVolume> {
  const parent = workerPaths.volume(name);
  const directory = directoryOf(runUid, name);
  const localPath = join(parent, directory);
  const configuredBy = `spec.volumes: ${name}.temporary.hostDir`;
  try {
    await removeHostDirVolume({ name, runUid }, signal);
    await mkdir(localPath);
    await chmod(localPath, sharedMode);
  } catch (error) {
    signal.throwIfAborted();
    const problem = `${configuredBy}: no directory can be made in ${hostDir} of the node: ${describe(error)}`;
    throw new RunError('HostPathNotVisible', problem, { cause: error });
  }
  return {
    volume: {
      name,
      localPath,
      hostPath: join(hostDir, directory),
      containerPath: namedTemporaryVolumePath(name),
      readOnly: false,
      temporary: true,
      configuredBy,
    },
    remove: () => removeDirectory(parent, directory),
  };
}
