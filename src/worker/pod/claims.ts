import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseJson } from '../../api/json-values.ts';
import { RunError } from '../../support/errors.ts';
import { type KnownPath, mountedAt, nodePathOf } from './mountinfo.ts';

/** A PersistentVolumeClaim as the worker has it; `inode` is the device and inode of its directory. */
export type MountedClaim = { claimName: string; mountPath: string; inode: string };

/** A directory of the kubelet that can be one of a claim, below that of the pod's volumes. */
export type ClaimDirectory = { path: string; inode: string | undefined };

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
