import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, posix, resolve, sep } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { extract, type Header, pack, type Pack } from 'tar-stream';
import { describe, RunError } from '../../support/errors.ts';
import { isForDirectory } from '../local/local-data.ts';

/** A file or directory of this machine with its path in an archive; without `local`, an empty directory. */
export type Packed = { readonly path: string; readonly local?: string };

/** How deep directories are followed: a link to a directory above would have no end. */
const deepest = 64;

/**
 * An archive of files of this machine. Links are followed, and everyone may read the copies, as the target may run as any
 * user.
 * @throws RunError DownloadFailed from the iteration
 */
export function packed(files: readonly Packed[]): AsyncIterable<Buffer> {
  const archive = pack();
  const filling = async () => {
    for (const { path, local } of files)
      if (local === undefined) await addEntry(archive, { name: path, type: 'directory', mode: 0o755 });
      else await addTree(archive, path, { local, depth: 0 });
    archive.finalize();
  };
  filling().catch((error: unknown) => archive.destroy(error instanceof Error ? error : undefined));
  return archive as AsyncIterable<Buffer>;
}

/** For text, which becomes a fraction; the engine sees by the bytes that it is gzip. */
export function compressed(archive: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const gzip = createGzip();
  // An error of the source ends the iteration.
  pipeline(Readable.from(archive, { objectMode: false }), gzip).catch(() => undefined);
  return gzip as AsyncIterable<Buffer>;
}

async function addTree(
  archive: Pack,
  path: string,
  { local, depth }: { local: string; depth: number },
): Promise<void> {
  try {
    const found = await stat(local);
    if (depth > deepest) throw new Error(`it has more than ${deepest} levels`);
    if (found.isDirectory()) {
      await addEntry(archive, { name: path, type: 'directory', mode: (found.mode & 0o777) | 0o755 });
      for (const name of (await readdir(local)).toSorted())
        await addTree(archive, posix.join(path, name), { local: join(local, name), depth: depth + 1 });
    } else if (found.isFile()) {
      const header = { name: path, size: found.size, mode: (found.mode & 0o777) | 0o644, mtime: found.mtime };
      await addFile(archive, header, local);
    } else throw new Error('it is neither a file nor a directory');
  } catch (error) {
    if (error instanceof RunError) throw error;
    throw new RunError('DownloadFailed', `cannot copy ${local}: ${describe(error)}`, { cause: error });
  }
}

type EntryHeader = Partial<Header> & { readonly name: string };

function addEntry(archive: Pack, header: EntryHeader): Promise<void> {
  return new Promise((resolve, reject) => {
    archive.entry(header, (error) => (error ? reject(error) : resolve()));
  });
}

/** A file that grows meanwhile is copied as long as it was; one that becomes shorter fails. */
async function addFile(archive: Pack, header: EntryHeader & { size: number }, local: string): Promise<void> {
  const written = Promise.withResolvers<void>();
  const sink = archive.entry(header, (error) => (error ? written.reject(error) : written.resolve()));
  written.promise.catch(() => undefined);
  if (header.size > 0) {
    const source = createReadStream(local, { end: header.size - 1 });
    for await (const chunk of source as AsyncIterable<Buffer>)
      if (!sink.write(chunk)) await Promise.race([drained(sink), written.promise]);
  }
  sink.end(undefined);
  await written.promise;
}

function drained(sink: ReturnType<Pack['entry']>): Promise<void> {
  return new Promise((resolve) => {
    sink.once('drain', () => resolve());
  });
}

/**
 * The path of an entry below what the archive is of, in parts. An entry of the engine's archive of /a/b begins with `b/`.
 * Pure. @throws RunError OutputUnsafe for a path that could lead elsewhere
 */
export function partsOf(name: string, separator: string = sep): string[] {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  const isUnsafe = (part: string) => part === '..' || (separator === '\\' && /[\\:]/.test(part));
  if (!parts.some(isUnsafe)) return parts.slice(1);
  throw new RunError('OutputUnsafe', `${JSON.stringify(name)} is no path of a result on this machine`);
}

/**
 * Writes what is in the engine's archive of a directory with one result. As cp does it, the result goes into the given
 * path if that is a directory or ends with a slash, and else gets its name.
 * @returns the name and the path of the result
 * @throws RunError OutputUnsafe for links and anything else than files and directories, UploadFailed
 */
export async function unpackResult(
  archive: Readable,
  given: string,
): Promise<{ readonly name: string; readonly path: string } | undefined> {
  const [local, isDirectory] = [resolve(given), await isForDirectory(given)];
  let result: Awaited<ReturnType<typeof unpackResult>>;
  const entries = extract();
  const bytes = new PassThrough();
  const feeding = pipeline(archive, bytes, entries as unknown as NodeJS.WritableStream);
  feeding.catch(() => undefined);
  try {
    for await (const entry of entries) {
      const parts = partsOf(entry.header.name);
      const [base] = parts;
      if (base !== undefined) {
        const to = join(local, ...(isDirectory ? parts : parts.slice(1)));
        result ??= { name: base, path: isDirectory ? join(local, base) : local };
        await writeEntry(entry.header, entry as unknown as AsyncIterable<Buffer>, to);
      }
      entry.resume();
    }
    await feeding;
    return result;
  } catch (error) {
    bytes.destroy();
    if (error instanceof RunError) throw error;
    throw new RunError('UploadFailed', `cannot copy the result to ${local}: ${describe(error)}`, {
      cause: error,
    });
  }
}

async function writeEntry({ type, name, mode }: Header, content: AsyncIterable<Buffer>, to: string) {
  if (type === 'directory') await mkdir(to, { recursive: true });
  else if (type === 'file') {
    await mkdir(dirname(to), { recursive: true });
    await pipeline(content, createWriteStream(to, { mode: mode & 0o777 }));
  } else throw new RunError('OutputUnsafe', `${name} is neither a file nor a directory`);
}
