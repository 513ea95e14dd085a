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

/**
 * The PersistentVolumeClaims of a run with their paths on the node, derived from what the pod itself can see.
 * @throws RunError HostPathNotVisible
 */
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
  // For other plugins, a file of this name would be the user's data.
  if (plugin !== 'kubernetes.io~csi') return false;
  const path = join(workerPaths.podVolumes, plugin, name, 'vol_data.json');
  return isInlineVolume(await readFile(path, 'utf8').catch(() => ''));
}

/** `inode` is the device and inode of the claim's directory in the worker. */
type MountedClaim = { claimName: string; mountPath: string; inode: string };

/** A directory of the kubelet that may hold a claim; `path` is relative to the pod's volumes. */
type ClaimDirectory = { path: string; inode: string | undefined };

type Node = {
  /** The content of /proc/self/mountinfo. */
  mountinfo: string;
  /** Directories whose path on the node is known. */
  known: readonly KnownPath[];
  /** The kubelet's directory of the pod's volumes, as a path on the node. */
  volumesRoot: string;
  directories: readonly ClaimDirectory[];
};

/** Plugins whose volumes are not claims. */
const ownPlugins = ['empty-dir', 'secret', 'configmap', 'projected', 'downward-api'].map(
  (plugin) => `kubernetes.io~${plugin}`,
);

/**
 * Where the kubelet puts a volume of a plugin, relative to the directory of the pod's volumes; undefined if
 * it cannot be a claim.
 */
export function claimDirectory(plugin: string, name: string): string | undefined {
  if (ownPlugins.includes(plugin)) return undefined;
  // https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/csi/csi_mounter.go
  return plugin === 'kubernetes.io~csi' ? join(plugin, name, 'mount') : join(plugin, name);
}

/**
 * True if the kubelet's `vol_data.json` marks a CSI volume as inline, so that it is not a claim. A webhook
 * may add such a volume to the pod, for example to mount secrets.
 */
export function isInlineVolume(volData: string): boolean {
  return Value.Check(inline, parseJson(volData));
}

// https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/csi/csi_plugin.go
const inline = Type.Object({ volumeLifecycleMode: Type.Literal('Ephemeral') });

/**
 * The path on the node of every claim of a pod, which Kubernetes does not show to the pod. It is derived from
 * another volume on the same file system, or else is the only directory of the kubelet that is left after the
 * other claims are found. That such a directory has another inode here proves nothing: the pod usually sees
 * the mount point and not what is mounted there.
 * @throws RunError HostPathNotVisible if a path is not certain
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

/** A local volume that was found by its file system has a directory as well, which must not count. */
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
    `cannot determine the path on the node of the claim ${names}: no other volume of the run shows where its file system is mounted, and ${volumesRoot} has ${seen}`,
  );
}

export type MountedDirectory = {
  /** `major:minor` of the file system. */
  device: string;
  /** The directory in that file system. */
  root: string;
};

/** A mounted directory whose path on the node is known. */
type KnownPath = MountedDirectory & { hostPath: string };

/** The last mount of a path in /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export function mountedAt(mountinfo: string, path: string): MountedDirectory | undefined {
  const fields = mountinfo
    .split('\n')
    .map((line) => line.split(' '))
    .findLast(([, , , , mountPoint]) => mountPoint !== undefined && unescaped(mountPoint) === path);
  const [, , device, root] = fields ?? [];
  return device === undefined || root === undefined ? undefined : { device, root: unescaped(root) };
}

/**
 * The path on the node of a mounted directory, derived from a known directory of the same file system.
 * Without the common end of its two paths, the known one shows where the file system is mounted on the node.
 * Undefined if that is not certain, because other data could be there.
 */
export function nodePathOf(mounted: MountedDirectory, known: KnownPath): string | undefined {
  if (mounted.device !== known.device) return undefined;
  const [ofDevice, ofNode] = withoutCommonEnd(partsOf(known.root), partsOf(known.hostPath));
  // Certain only if the whole file system is mounted there, or if a subvolume of it is the node's root.
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

/** mountinfo writes spaces, tabs, line ends and backslashes as octal numbers. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
