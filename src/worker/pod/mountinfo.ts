/** Which directory of which file system is mounted. */
export type MountedDirectory = {
  /** `major:minor` of the file system. */
  device: string;
  /** The directory in that file system. */
  root: string;
};

/** A directory by what is mounted there, and by its path on the node. */
export type KnownPath = MountedDirectory & { hostPath: string };

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
