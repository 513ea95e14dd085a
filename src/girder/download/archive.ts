import { crc32 } from 'node:zlib';
import { Watchdog } from '../../support/watchdog.ts';
import type { GirderClient } from '../client.ts';
import type { ItemDocument } from '../documents.ts';
import { readBytes } from '../http/byte-body.ts';
import { TransientFailure } from '../retry.ts';
import { defaultBufferBytes } from './stream-file.ts';

/** What one archive holds at most: its bytes are in memory, and its ids are in the query of the request. */
const batchLimits = { items: 100, bytes: 2 * 1024 * 1024, itemBytes: 256 * 1024 };
/** Bytes of an entry beside its contents and its name, which it has twice. */
const entryBytes = 256;
const footBytes = 22;

/** An item of a batch, with its name in the volume. */
export type BatchedItem = { readonly item: ItemDocument; readonly name: string };

/** Small items of one folder that are requested together. */
export class ItemBatch {
  #entries: BatchedItem[] = [];
  readonly #names = new Set<string>();
  #bytes = 0;

  /** False for an item that its entry in an archive would not identify, or that is too large. */
  accepts({ name, size }: ItemDocument): boolean {
    if (size === undefined || size > batchLimits.itemBytes || this.#names.has(name)) return false;
    return name !== '' && !/[/\0]/.test(name);
  }

  hasRoomFor({ size = 0 }: ItemDocument): boolean {
    return this.#entries.length < batchLimits.items && this.#bytes + size <= batchLimits.bytes;
  }

  add(entry: BatchedItem): void {
    this.#entries.push(entry);
    this.#names.add(entry.item.name);
    this.#bytes += entry.item.size ?? 0;
  }

  /** Returns what was added, and starts the next batch. */
  take(): readonly BatchedItem[] {
    const entries = this.#entries;
    this.#entries = [];
    this.#names.clear();
    this.#bytes = 0;
    return entries;
  }
}

/**
 * The contents of the items, by id, that have exactly one file of their own name. Girder's archive is checked
 * against the list of the folder (names and sizes) and its own checksums. What does not agree, for whatever
 * reason, is left out: the caller downloads that by itself, and learns the reason.
 */
export async function requestArchive(
  client: GirderClient,
  batch: readonly BatchedItem[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer>> {
  const items = batch.map(({ item }) => item);
  try {
    const entries = readArchive(await download(client, items, signal));
    return new Map(items.flatMap((item) => contentsOf(item, entries)));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TransientFailure) client.pace.slowDown();
    return new Map();
  }
}

async function download(
  client: GirderClient,
  items: readonly ItemDocument[],
  signal: AbortSignal,
): Promise<Buffer> {
  const query = { resources: JSON.stringify({ item: items.map(({ _id }) => _id) }) };
  const lengths = items.map(({ name, size = 0 }) => size + 2 * Buffer.byteLength(name) + entryBytes);
  const limit = lengths.reduce((sum, length) => sum + length, footBytes);
  const subject = `${items.length} items`;
  const buffer = Buffer.allocUnsafeSlow(defaultBufferBytes);
  const route = ['resource', 'download'];
  const response = await client.open({ method: 'GET', route, query, subject, signal, buffer });
  using watchdog = new Watchdog(client.timing.store, 'whole archive', signal);
  return await readBytes(response.body, limit, watchdog.signal);
}

function contentsOf(
  { _id, name, size }: ItemDocument,
  entries: ReadonlyMap<string, Buffer>,
): [string, Buffer][] {
  const contents = entries.get(name);
  if (contents?.length !== size || contents === undefined || isLink(contents)) return [];
  return [[_id, contents]];
}

/** An archive has the address of a link file, not what is there; Girder takes no other addresses. */
function isLink(contents: Buffer): boolean {
  return /^https?:/i.test(contents.toString('latin1', 0, 6));
}

const signatures = { entry: 0x04034b50, directory: 0x02014b50, end: 0x06054b50 };

/** An archive that is incomplete or not of the kind that Girder creates. */
class UnreadableArchive extends Error {
  override readonly name = 'UnreadableArchive';
}

/** The files of a ZIP archive without compression, by path; a path that occurs twice is left out. */
function readArchive(archive: Buffer): ReadonlyMap<string, Buffer> {
  const end = archive.length - footBytes;
  check(end >= 0 && archive.readUInt32LE(end) === signatures.end, 'its end is missing');
  const files = new Map<string, Buffer>();
  const twice = new Set<string>();
  const directory = archive.readUInt32LE(end + 16);
  let position = directory;
  for (let count = archive.readUInt16LE(end + 10); count > 0; count -= 1) {
    check(
      position + 46 <= end && archive.readUInt32LE(position) === signatures.directory,
      'an entry is missing',
    );
    const nameEnd = position + 46 + archive.readUInt16LE(position + 28);
    const name = archive.toString('utf8', position + 46, nameEnd);
    if (files.has(name)) twice.add(name);
    files.set(name, contentsAt(archive.subarray(0, directory), archive.subarray(position, nameEnd)));
    position = nameEnd + archive.readUInt16LE(position + 30) + archive.readUInt16LE(position + 32);
  }
  check(position === end, 'its directory has another length');
  for (const name of twice) files.delete(name);
  return files;
}

/** The contents that an entry of the directory describes. */
function contentsAt(files: Buffer, entry: Buffer): Buffer {
  const [start, size] = [entry.readUInt32LE(42), entry.readUInt32LE(24)];
  check(entry.readUInt16LE(10) === 0 && entry.readUInt32LE(20) === size, 'an entry is compressed');
  check(start + 30 <= files.length && files.readUInt32LE(start) === signatures.entry, 'a file is missing');
  const from = start + 30 + files.readUInt16LE(start + 26) + files.readUInt16LE(start + 28);
  check(from + size <= files.length, 'a file is incomplete');
  const contents = files.subarray(from, from + size);
  check(crc32(contents) === entry.readUInt32LE(16), 'a checksum is wrong');
  return contents;
}

function check(isRight: boolean, problem: string): asserts isRight {
  if (!isRight) throw new UnreadableArchive(problem);
}
