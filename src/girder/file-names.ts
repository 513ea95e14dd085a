import { lookup } from 'mime-types';
import { nameHash, NameSet } from './tree-transfer.ts';

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
  readonly #taken = new NameSet();
  readonly #next = new Map<number, number>();

  /** The file name for an entry with this name in Girder. */
  claim(name: string): string {
    const plain = safeFileName(name);
    let free = plain;
    if (!this.#taken.has(plain)) {
      this.#taken.add(plain);
      return plain;
    }
    const hash = nameHash(plain);
    let number = this.#next.get(hash) ?? 1;
    for (; this.#taken.has(free); number += 1) free = shorten(plain, ` (${number})`);
    this.#next.set(hash, number);
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

/** What Python appends to the name of a compressed file; the type is that of the file inside. */
const compressions = /\.(gz|Z|bz2|xz|br)$/;
/** Compressed files with a name of their own. */
const compressedNames: Readonly<Record<string, string>> = {
  '.svgz': '.svg',
  '.tgz': '.tar',
  '.taz': '.tar',
  '.tz': '.tar',
  '.tbz2': '.tar',
  '.txz': '.tar',
};

/** Where Girder's own client, which asks Python, finds another type than the table of mime-types. */
const typesOfPython: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    'application/dicom': 'dcm',
    'application/msword': 'wiz',
    'application/vnd.apple.mpegurl': 'm3u',
    'application/vnd.ms-excel': 'xlb',
    'application/vnd.ms-powerpoint': 'ppa pwz',
    'application/x-hdf5': 'h5',
    'application/x-mif': 'mif',
    'application/x-pn-realaudio': 'ram',
    'application/x-python-code': 'pyc pyo',
    'application/x-troff': 'roff t tr',
    'application/x-troff-man': 'man',
    'application/x-troff-me': 'me',
    'application/x-troff-ms': 'ms',
    'application/xml': 'rdf wsdl xpdl',
    'audio/3gpp': '3gp 3gpp',
    'audio/3gpp2': '3g2 3gpp2',
    'audio/aac': 'aac adts loas ass',
    'audio/opus': 'opus',
    'audio/x-wav': 'wav',
    'message/rfc822': 'mht mhtml nws',
    'text/plain': 'bat c h ksh pl srt',
    'text/x-python': 'py',
    'text/x-sgml': 'sgm sgml',
    'text/xml': 'xml',
    'video/mpeg': 'mpa',
  }).flatMap(([type, names]) => names.split(' ').map((name) => [name, type])),
);

/** The MIME type that the end of a name suggests, as Girder's own client finds it; undefined without one. */
export function mimeTypeOf(name: string): string | undefined {
  const own = /(?<=[^.])\.[^.]+$/.exec(name)?.[0] ?? '';
  const inner = compressedNames[own.toLowerCase()];
  const plain = inner === undefined ? name.replace(compressions, '') : `${name}${inner}`;
  const extension = (/(?<=[^.])\.([^.]+)$/.exec(plain)?.[1] ?? '').toLowerCase();
  if (extension === '') return undefined;
  const type = Object.hasOwn(typesOfPython, extension) ? typesOfPython[extension] : lookup(extension);
  return type === false ? undefined : type;
}
