import type { BigIntStats } from 'node:fs';

/** Files and directories of our own making whose names begin so are unmistakable, even without an inode. */
export const ownNamePrefix = '.dockerrun-';

/** A path below a root that was made, or is just about to be; a file has an inode, a directory has none. */
export type CreatedPath = { readonly path: string; readonly inode?: string };

/** What tells a file from every other one on the machine, whatever its names: its device and its inode. */
export function inodeOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
