import { randomUUID } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { BindMount } from '../docker/create/container-spec.ts';
import { ownNamePrefix } from '../io/made-path.ts';
import type { SharedVolume } from './run-environment.ts';

/** Mounts with a file in each that the engine must find there, and how to remove these files. */
export type Probed = { mounts: BindMount[]; remove: () => Promise<void> };

/**
 * Puts a file into every volume whose place on the node was worked out rather than named by the user: where the engine
 * does not see it, the target would see another directory than the worker does, and no error.
 */
export async function probeVolumes(
  mounts: readonly BindMount[],
  volumes: readonly SharedVolume[],
): Promise<Probed> {
  const files: string[] = [];
  const probed = await Promise.all(
    mounts.map(async (mount): Promise<BindMount> => {
      const volume = volumes.find(({ containerPath }) => containerPath === mount.target);
      if (volume === undefined || !(volume.temporary || volume.isInferred === true)) return mount;
      const file = `${ownNamePrefix}probe-${randomUUID()}`;
      const path = join(volume.localPath, file);
      await (await open(path, 'wx', 0o600)).close();
      files.push(path);
      return { ...mount, probe: { file } };
    }),
  );
  const remove = async () => {
    await Promise.all(files.splice(0).map((path) => unlink(path).catch(() => undefined)));
  };
  return { mounts: probed, remove };
}
