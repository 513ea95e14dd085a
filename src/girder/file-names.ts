/** The limit of Linux file systems for a name. */
const maxNameBytes = 255;

/**
 * Turns a name in Girder into a file name that cannot leave its directory: `/` and control characters become
 * `_`, `.` and `..` become `_.` and `_..`, and a name that is too long is cut before its extension.
 */
export function safeFileName(name: string): string {
  const plain = name.toWellFormed().replace(/[\u0000-\u001f\u007f/]/g, '_');
  if (plain === '') return '_';
  return shorten(plain === '.' || plain === '..' ? `_${plain}` : plain);
}

/**
 * The file names in one directory, each used once: Girder allows two entries with the same name. Later ones
 * get ` (1)`, ` (2)`… before the extension.
 */
export class UniqueNames {
  readonly #taken = new Set<string>();
  readonly #next = new Map<string, number>();

  /** The file name for an entry with this name in Girder. */
  claim(name: string): string {
    const plain = safeFileName(name);
    let free = plain;
    let number = this.#next.get(plain) ?? 1;
    for (; this.#taken.has(free); number += 1) free = shorten(plain, ` (${number})`);
    if (free !== plain) this.#next.set(plain, number);
    this.#taken.add(free);
    return free;
  }
}

function shorten(name: string, suffix = ''): string {
  const [extension = ''] = /(?<=.)\.[^.]{1,20}$/u.exec(name) ?? [];
  const stem = name.slice(0, name.length - extension.length);
  return cut(stem, maxNameBytes - Buffer.byteLength(suffix + extension)) + suffix + extension;
}

function cut(name: string, room: number): string {
  if (Buffer.byteLength(name) <= room) return name;
  let stem = '';
  let bytes = 0;
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    stem += character;
  }
  return stem;
}
