import { readFileSync } from 'node:fs';
import { capture } from '../command.ts';
import { layout } from '../layout.ts';

/** Mount points below the cluster's directories, the innermost and latest first. */
export function ownMounts(): string[] {
  return parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'), [layout.state, layout.run]).reverse();
}

/** Mount points of a mountinfo file that lie below one of the directories, in the order they were mounted. */
export function parseMounts(mountinfo: string, directories: readonly string[]): string[] {
  return mountinfo
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((path) =>
      path.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .filter((path) => directories.some((directory) => path.startsWith(`${directory}/`)));
}

/** Unmounts them all; rejects when one is left, since deleting below a mount would delete what is mounted. */
export async function unmountOwn(signal: AbortSignal): Promise<void> {
  for (const path of ownMounts()) {
    // Lazily: a killed process may hold its mount for some milliseconds.
    await capture('umount', ['--lazy', path], signal).catch(() => undefined);
  }
  const left = ownMounts();
  if (left.length > 0)
    throw new Error(`these cannot be unmounted, so nothing was deleted:\n${left.join('\n')}`);
}
