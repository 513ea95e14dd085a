import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { workerPaths } from '../../api/plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { inodeOf } from '../../io/made-path.ts';
import {
  claimDirectory,
  type ClaimDirectory,
  claimPaths,
  isInlineVolume,
  type MountedClaim,
} from './claims.ts';
import { mountedAt } from './mountinfo.ts';
import type { SharedVolume } from '../run-environment.ts';

type OnNode = { volumesRoot: string; known: readonly Pick<SharedVolume, 'localPath' | 'hostPath'>[] };

/** The claims of a run with their paths on the node, by what the pod itself can see. */
export async function findClaims(
  spec: DockerRunSpec,
  { volumesRoot, known }: OnNode,
): Promise<Omit<SharedVolume, 'configuredBy'>[]> {
  const volumes = (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim: claim }) =>
    claim === undefined ? [] : [{ name, ...claim }],
  );
  if (volumes.length === 0) return [];
  const mountinfo = await readFile('/proc/self/mountinfo', 'utf8');
  const paths = claimPaths(await mountedClaims(volumes), {
    mountinfo,
    volumesRoot,
    known: known.flatMap(({ localPath, hostPath }) => {
      const mounted = mountedAt(mountinfo, localPath);
      return mounted === undefined ? [] : [{ ...mounted, hostPath }];
    }),
    directories: await claimDirectories(),
  });
  return volumes.map(({ name, claimName, containerPath, readOnly }) => ({
    name,
    localPath: workerPaths.volume(name),
    hostPath: paths.get(claimName) ?? '',
    containerPath,
    readOnly,
    temporary: false,
  }));
}

async function mountedClaims(
  volumes: readonly { name: string; claimName: string }[],
): Promise<MountedClaim[]> {
  const first = new Map(volumes.toReversed().map(({ name, claimName }) => [claimName, name]));
  const claims = Array.from(first, async ([claimName, name]) => {
    const mountPath = workerPaths.volume(name);
    return { claimName, mountPath, inode: inodeOf(await stat(mountPath, { bigint: true })) };
  });
  return Promise.all(claims);
}

async function claimDirectories(): Promise<ClaimDirectory[]> {
  const found: ClaimDirectory[] = [];
  for (const plugin of await readdir(workerPaths.podVolumes)) {
    for (const name of await readdir(join(workerPaths.podVolumes, plugin))) {
      const path = claimDirectory(plugin, name);
      if (path === undefined || (await isInline(plugin, name))) continue;
      const stats = await stat(join(workerPaths.podVolumes, path), { bigint: true }).catch(() => undefined);
      found.push({ path, inode: stats === undefined ? undefined : inodeOf(stats) });
    }
  }
  return found;
}

async function isInline(plugin: string, name: string): Promise<boolean> {
  // Of others, what has that name would be data.
  if (plugin !== 'kubernetes.io~csi') return false;
  const path = join(workerPaths.podVolumes, plugin, name, 'vol_data.json');
  return isInlineVolume(await readFile(path, 'utf8').catch(() => ''));
}
