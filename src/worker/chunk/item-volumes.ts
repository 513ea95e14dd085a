import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { resultDirectory, sharedDirectory, sharedVolumeName } from '../../api/for-each.ts';
import { temporaryVolumeName } from '../../api/names.ts';
import { sharedVolumesOf } from '../../api/spec-usage.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { removeDirectory } from '../../io/remove-tree.ts';
import { sharedMode, type SharedVolume } from '../run-environment.ts';
import { resultVolumeName, usesSharedVolume } from './item-spec.ts';

/** The volumes of one input: parts of the run's temporary volumes, and its other volumes as they are. */
export type ItemVolumes = {
  readonly volumes: readonly SharedVolume[];
  readonly result: SharedVolume;
  /** Removes all that the input has on the node. @throws if something remains */
  readonly remove: (signal: AbortSignal) => Promise<void>;
};

const shared = 'shared';

/** The volumes for the downloads that all inputs share. */
export async function openSharedVolumes(
  spec: DockerRunSpec,
  volumes: readonly SharedVolume[],
): Promise<readonly SharedVolume[]> {
  if (!usesSharedVolume(spec)) return volumes;
  const volume = within(temporaryOf(volumes), shared, {
    name: sharedVolumeName,
    containerPath: sharedDirectory,
  });
  await makeOpen(volume);
  return [...volumes, volume];
}

/**
 * Creates the directories of one input. A target sees only these, so that inputs never see each other's files, and
 * what they hold can be removed as soon as the input has ended.
 * @param volumes with those for shared downloads
 */
export async function openItemVolumes(
  spec: DockerRunSpec,
  volumes: readonly SharedVolume[],
  index: number,
): Promise<ItemVolumes> {
  const readable = new Set([sharedVolumeName, ...sharedVolumesOf(spec)]);
  const base = `input-${index}`;
  const roots: SharedVolume[] = [];
  const own = volumes.map((volume) => {
    if (readable.has(volume.name)) return { ...volume, readOnly: true };
    if (!volume.temporary) return volume;
    roots.push(volume);
    return within(volume, `${base}/files`);
  });
  const result = within(temporaryOf(volumes), `${base}/result`, {
    name: resultVolumeName,
    containerPath: resultDirectory,
  });
  const remove = async (signal: AbortSignal) => {
    for (const { localPath } of roots) await removeDirectory(localPath, base, signal);
  };
  for (const { localPath } of roots) await mkdir(join(localPath, base), { mode: 0o755, recursive: true });
  for (const volume of [...own.filter((one) => !volumes.includes(one) && !one.readOnly), result])
    await makeOpen(volume);
  return { volumes: [...own, result], result, remove };
}

function within(
  volume: SharedVolume,
  path: string,
  as: Partial<Pick<SharedVolume, 'name' | 'containerPath'>> = {},
): SharedVolume {
  const { localPath, hostPath } = volume;
  return { ...volume, ...as, localPath: join(localPath, path), hostPath: join(hostPath, path) };
}

function temporaryOf(volumes: readonly SharedVolume[]): SharedVolume {
  const volume = volumes.find(({ name }) => name === temporaryVolumeName);
  if (volume === undefined) throw new TypeError('the run has no temporary volume');
  return volume;
}

/** Whatever the umask, any user of the target can write. */
async function makeOpen({ localPath }: SharedVolume): Promise<void> {
  await mkdir(localPath, { recursive: true });
  await chmod(localPath, sharedMode);
}
