import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { opendir } from 'node:fs/promises';

/** A name in a directory; one that is no UTF-8 is written with its strange bytes as `\xff`. */
export type WalkedName = { readonly name: string; readonly isText: boolean };

/** How many names, and how many bytes of names, there is room for. */
export type NameRoom = { readonly entries: number; readonly bytes: number };

/** The names of a directory, in the order of their bytes; they are held in the least memory that this takes. */
export class DirectoryNames {
  // In latin1 every character is one byte, so names that are not UTF-8 survive, and sort like bytes.
  readonly #raw: readonly string[];
  readonly bytes: number;

  private constructor(raw: string[], bytes: number) {
    this.#raw = raw.sort(byCodeUnits);
    this.bytes = bytes;
  }

  /** Reads an open directory; says what there is no room for instead, as soon as that is seen. */
  static async read(directory: FileHandle, room: NameRoom): Promise<DirectoryNames | keyof NameRoom> {
    const names: string[] = [];
    let bytes = 0;
    for await (const { name } of await opendir(`/proc/self/fd/${directory.fd}`, {
      encoding: 'latin1',
      bufferSize: 512,
    })) {
      bytes += name.length;
      if (names.length >= room.entries) return 'entries';
      if (bytes > room.bytes) return 'bytes';
      names.push(name);
    }
    return new DirectoryNames(names, bytes);
  }

  get count(): number {
    return this.#raw.length;
  }

  *[Symbol.iterator](): Generator<WalkedName, void, undefined> {
    for (const raw of this.#raw) yield toName(raw);
  }
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
