import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { opendir } from 'node:fs/promises';

/** A name in a directory; one that is no UTF-8 is written with its strange bytes as `\xff`. */
export type WalkedName = { readonly name: string; readonly isText: boolean };

/** The names in an open directory, in the order of their bytes; undefined when there are more than `most`. */
export async function namesIn(directory: FileHandle, most: number): Promise<WalkedName[] | undefined> {
  // In latin1 every character is one byte, so names that are not UTF-8 survive, and sort like bytes.
  const names: string[] = [];
  for await (const { name } of await opendir(`/proc/self/fd/${directory.fd}`, {
    encoding: 'latin1',
    bufferSize: 512,
  })) {
    if (names.length >= most) return undefined;
    names.push(name);
  }
  return names.toSorted(byCodeUnits).map(toName);
}

function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function toName(raw: string): WalkedName {
  const bytes = Buffer.from(raw, 'latin1');
  if (isUtf8(bytes)) return { name: bytes.toString(), isText: true };
  const name = raw.replace(
    /[^ -~]/g,
    (strange) => `\\x${strange.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return { name, isText: false };
}
