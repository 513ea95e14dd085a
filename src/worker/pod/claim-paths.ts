import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseJson } from '../../api/json-values.ts';
import { workerPaths } from '../../api/run-plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { inodeOf } from '../../io/confined-change.ts';
import { RunError } from '../../support/errors.ts';
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

/** A PersistentVolumeClaim as the worker has it; `inode` is the device and inode of its directory. */
type MountedClaim = { claimName: string; mountPath: string; inode: string };

/** A directory of the kubelet that can be one of a claim, below that of the pod's volumes. */
type ClaimDirectory = { path: string; inode: string | undefined };

type Node = {
  /** The text of /proc/self/mountinfo. */
  mountinfo: string;
  /** Directories whose path on the node is known. */
  known: readonly KnownPath[];
  /** Where the node has the pod's volumes. */
  volumesRoot: string;
  directories: readonly ClaimDirectory[];
};

/** Plugins whose volumes are no claims. */
const ownPlugins = ['empty-dir', 'secret', 'configmap', 'projected', 'downward-api'].map(
  (plugin) => `kubernetes.io~${plugin}`,
);

/** Where the kubelet has a volume of a plugin, below the directory of the pod's volumes; nothing when it is no claim's. */
export function claimDirectory(plugin: string, name: string): string | undefined {
  if (ownPlugins.includes(plugin)) return undefined;
  // https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/csi/csi_mounter.go
  return plugin === 'kubernetes.io~csi' ? join(plugin, name, 'mount') : join(plugin, name);
}

/**
 * True when the kubelet's `vol_data.json` of a CSI volume says that it is written in the pod, as somebody's webhook may
 * do to bring secrets into it: that is no claim's.
 */
export function isInlineVolume(volData: string): boolean {
  return Value.Check(inline, parseJson(volData));
}

// https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/csi/csi_plugin.go
const inline = Type.Object({ volumeLifecycleMode: Type.Literal('Ephemeral') });

/**
 * The node's path of every claim of a pod, which nobody tells the pod: what is known of the file system that the claim
 * is on, or else the one directory of the kubelet that is left when the other claims are found. That such a directory
 * looks different from here proves nothing: the pod sees the place of a mount, and seldom what is mounted there.
 * @throws RunError HostPathNotVisible when a path does not follow from these with certainty
 */
export function claimPaths(claims: readonly MountedClaim[], node: Node): Map<string, string> {
  const found = new Map<string, string>();
  for (const one of claims) {
    const path = sameInode(one, node) ?? byFileSystem(one, node);
    if (path !== undefined) found.set(one.claimName, path);
  }
  const [rest, ...more] = claims.filter(({ claimName }) => !found.has(claimName));
  if (rest === undefined) return found;
  const [left, ...others] = leftOver(found, node);
  if (left === undefined || more.length + others.length > 0) throw notFound([rest, ...more], node);
  return found.set(rest.claimName, join(node.volumesRoot, left.path));
}

function sameInode({ inode }: MountedClaim, { directories, volumesRoot }: Node): string | undefined {
  const same = directories.find((directory) => directory.inode === inode);
  return same === undefined ? undefined : join(volumesRoot, same.path);
}

function byFileSystem({ mountPath }: MountedClaim, { mountinfo, known }: Node): string | undefined {
  const mounted = mountedAt(mountinfo, mountPath);
  if (mounted === undefined) return undefined;
  return known.map((path) => nodePathOf(mounted, path)).find((path) => path !== undefined);
}

/** A local volume that was found by its file system has a directory of the kubelet as well. */
function leftOver(found: ReadonlyMap<string, string>, { directories, volumesRoot }: Node): ClaimDirectory[] {
  const paths = [...found.values()];
  const unused = directories.filter(({ path }) => !paths.includes(join(volumesRoot, path)));
  if (unused.length === 1) return unused;
  return unused.filter(({ path }) => !path.startsWith('kubernetes.io~local-volume/'));
}

function notFound(claims: readonly MountedClaim[], { directories, volumesRoot }: Node): RunError {
  const names = claims.map(({ claimName }) => claimName).join(', ');
  const seen = directories.map(({ path }) => path).join(', ') || 'no directory of a claim';
  return new RunError(
    'HostPathNotVisible',
    `the node's path of the claim ${names} is not certain: its file system is not one that another volume of the run tells the place of, and ${volumesRoot} has ${seen}`,
  );
}

type MountedDirectory = {
  /** `major:minor` of the file system. */
  device: string;
  /** The directory in that file system. */
  root: string;
};

/** A directory by what is mounted there, and by its path on the node. */
type KnownPath = MountedDirectory & { hostPath: string };

/** What is mounted at a path, by the text of /proc/self/mountinfo (proc_pid_mountinfo(5)); the last mount counts. */
export function mountedAt(mountinfo: string, path: string): MountedDirectory | undefined {
  const fields = mountinfo
    .split('\n')
    .map((line) => line.split(' '))
    .findLast(([, , , , mountPoint]) => mountPoint !== undefined && unescaped(mountPoint) === path);
  const [, , device, root] = fields ?? [];
  return device === undefined || root === undefined ? undefined : { device, root: unescaped(root) };
}

/**
 * The node's path of a mounted directory, by another one of the same file system whose path is known: what their
 * two names end with in common is below the place where the node has that file system. Nothing when that place
 * follows from it with less than certainty, because other data could be there.
 */
export function nodePathOf(mounted: MountedDirectory, known: KnownPath): string | undefined {
  if (mounted.device !== known.device) return undefined;
  const [ofDevice, ofNode] = withoutCommonEnd(partsOf(known.root), partsOf(known.hostPath));
  // Either the whole file system is mounted there, or the node's root is a directory of it (a subvolume).
  if (ofDevice.length > 0 && ofNode.length > 0) return undefined;
  const parts = partsOf(mounted.root);
  if (!ofDevice.every((part, index) => parts[index] === part)) return undefined;
  return `/${[...ofNode, ...parts.slice(ofDevice.length)].join('/')}`;
}

function withoutCommonEnd(a: readonly string[], b: readonly string[]): [string[], string[]] {
  let common = 0;
  while (common < Math.min(a.length, b.length) && a.at(-1 - common) === b.at(-1 - common)) common += 1;
  return [a.slice(0, a.length - common), b.slice(0, b.length - common)];
}

const partsOf = (path: string) => path.split('/').filter((part) => part !== '');

/** Spaces, tabs, line ends and backslashes are written as octal numbers there. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
