import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseJson } from '../../api/json-values.ts';
import { type CreatedPath, ownNamePrefix, PathRemoval, removePath } from '../../io/confined-change.ts';
import { ConfinedPathError, createFile, openRegularFile } from '../../io/confined.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { Journal, OpenedRun, RunContext } from '../context.ts';
import type { SharedVolume } from '../run-environment.ts';

/**
 * Tracks what downloads and pipes put into volumes that outlive the run, and removes it at the end. Each such
 * volume has a journal, so that the next attempt or a cleanup can remove what a killed worker could not.
 */
export class StagedFiles implements Journal {
  readonly #journals = new Map<SharedVolume, StagedJournal>();

  /** Removes what earlier attempts of the run left, and starts the journals. Required before `note`. */
  async begin(context: OpenedRun, volumes: Iterable<SharedVolume>): Promise<void> {
    for (const volume of volumes) {
      if (volume.temporary || this.#journals.has(volume)) continue;
      this.#journals.set(volume, await StagedJournal.begin(context, volume));
    }
  }

  /**
   * Removes what earlier attempts of the run left in a volume, and the journal.
   * @throws if the journal remains
   */
  static async sweep(
    context: Pick<RunContext, 'log' | 'signal'>,
    runUid: string,
    { localPath, name }: Pick<SharedVolume, 'localPath' | 'name'>,
  ): Promise<void> {
    const journal = StagedJournal.nameOf(runUid, name);
    if (!(await StagedJournal.sweep(context, localPath, journal)))
      throw new Error(`cannot remove ${journal}`);
  }

  note(volume: SharedVolume, made: CreatedPath): void {
    this.#journals.get(volume)?.note(made);
  }

  /** Removes every noted path that is unchanged; files of the target remain. */
  async remove({ log }: Pick<RunContext, 'log'>, signal: AbortSignal): Promise<void> {
    for (const [volume, journal] of this.#journals) {
      const { paths, count } = await journal.undo(signal);
      if (count > 0)
        log.info(
          { volume: volume.name, kept: paths, count },
          'did not remove paths that are in use or changed since the download',
        );
    }
  }
}

/** In bytes: about a million paths, more than a run creates. A bound, because the target can write to it. */
export const longestJournal = 64 * 1024 * 1024;

/** A file in a volume, one created path in JSON per line. Volumes may share a directory, not a journal. */
class StagedJournal {
  readonly #root: string;
  readonly #name: string;
  readonly #file: FileHandle;

  private constructor(root: string, name: string, file: FileHandle) {
    this.#root = root;
    this.#name = name;
    this.#file = file;
  }

  static nameOf(runUid: string, volume: string): string {
    return `${ownNamePrefix}${runUid}-${volume}`;
  }

  /** Removes the paths in a journal, if there is one, and the journal. False if the journal remains. */
  static async sweep(
    { log, signal }: Pick<RunContext, 'log' | 'signal'>,
    root: string,
    name: string,
  ): Promise<boolean> {
    await using removal = new Removal(root, signal);
    try {
      await removeNoted(removal, root, name);
    } catch (error) {
      if (!(error instanceof ConfinedPathError)) throw error;
      if (error.problem !== 'missing')
        log.warn({ error: error.message }, 'files of an earlier attempt may remain in a volume');
    }
    await removal.end();
    return await twice(() => removePath(root, { path: name }));
  }

  static async begin(context: OpenedRun, { localPath, name: volume }: SharedVolume): Promise<StagedJournal> {
    const name = StagedJournal.nameOf(context.environment.run.uid, volume);
    try {
      await StagedJournal.sweep(context, localPath, name);
      return new StagedJournal(localPath, name, await createFile(localPath, name, 0o600));
    } catch (error) {
      context.signal.throwIfAborted();
      throw new RunError('DownloadFailed', `cannot write into volume ${volume}: ${describe(error)}`, {
        cause: error,
      });
    }
  }

  /** Synchronous, so that the path is in the file before it is created. */
  note(made: CreatedPath): void {
    writeSync(this.#file.fd, `${JSON.stringify(made)}\n`);
  }

  /**
   * Removes the noted paths and the journal, and returns the paths that remain. The list is the file, not a
   * copy in memory: a folder may have 200,000 files.
   */
  async undo(signal: AbortSignal): Promise<Kept> {
    await this.#file.close().catch(() => undefined);
    await using removal = new Removal(this.#root, signal);
    try {
      await removeNoted(removal, this.#root, this.#name);
    } catch (error) {
      if (!(error instanceof ConfinedPathError)) throw error;
    }
    const kept = await removal.end();
    await twice(() => removePath(this.#root, { path: this.#name }));
    return kept;
  }
}

/** The first of the paths that remain, and how many there are. */
type Kept = { readonly paths: readonly string[]; readonly count: number };

/** How many files are removed at once, and how many remaining paths are listed. */
const concurrentRemovals = 16;
const maxKept = 100;

/** Removes paths in the order of calls: files of one directory concurrently, a directory after its content. */
class Removal implements AsyncDisposable {
  readonly #paths: PathRemoval;
  readonly #signal: AbortSignal;
  readonly #kept = new Set<string>();
  #underway: Promise<void>[] = [];
  #directory: string | undefined;
  #unlisted = 0;

  constructor(root: string, signal: AbortSignal) {
    this.#paths = new PathRemoval(root);
    this.#signal = signal;
  }

  async remove(made: CreatedPath): Promise<void> {
    this.#signal.throwIfAborted();
    const directory = posix.dirname(made.path);
    const isFile = made.inode !== undefined || posix.basename(made.path).startsWith(ownNamePrefix);
    const isOther = directory !== this.#directory || !isFile;
    if (isOther || this.#underway.length >= concurrentRemovals) await this.#settle();
    this.#underway.push(this.#removeOne(made));
    // The first removal in a directory opens it for the others.
    if (isOther) await this.#settle();
    this.#directory = directory;
  }

  async end(): Promise<Kept> {
    await this.#settle();
    return { paths: [...this.#kept], count: this.#kept.size + this.#unlisted };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#settle();
    await this.#paths[Symbol.asyncDispose]();
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#underway.splice(0));
  }

  /** A path may be noted twice: it remains only if no note of it could be removed. */
  async #removeOne(made: CreatedPath): Promise<void> {
    const isGone = await twice(() => this.#paths.remove(made));
    if (isGone) this.#kept.delete(made.path);
    else if (this.#kept.size < maxKept) this.#kept.add(made.path);
    else this.#unlisted += 1;
  }
}

/** A disk may report an error once; a removal that fails again counts as not done. */
async function twice(remove: () => Promise<boolean>): Promise<boolean> {
  return remove()
    .catch(remove)
    .catch(() => false);
}

/** A disk may report an error once, so the journal is read again: what is already removed is no problem. */
async function removeNoted(removal: Removal, root: string, name: string): Promise<void> {
  const removeAll = async () => {
    for await (const made of notedIn(root, name)) await removal.remove(made);
  };
  try {
    await removeAll();
  } catch (error) {
    if (error instanceof ConfinedPathError) throw error;
    await removeAll();
  }
}

/** Last path first, because a directory is noted before its content. */
async function* notedIn(root: string, name: string): AsyncGenerator<CreatedPath, void, undefined> {
  await using file = await openRegularFile(root, name);
  const { size } = await file.stat();
  if (size > longestJournal)
    throw new ConfinedPathError('unsafe', `${name} has ${size} bytes, more than a run writes`);
  for await (const line of linesFromEnd(file, size)) yield* parseLine(line);
}

/** If the last line is incomplete, its path was never created. */
function parseLine(line: string): CreatedPath[] {
  const made = parseJson(line);
  return Value.Check(madePath, made) ? [made] : [];
}

/** In characters. A worker creates no longer path, but a target can write one into its journal. */
export const longestPath = 4_095;

const madePath = Type.Object({
  path: Type.String({ maxLength: longestPath }),
  inode: Type.Optional(Type.String({ maxLength: 64 })),
});

/** In bytes: how much is read at once, and how much of an overlong line is kept. */
const chunkBytes = 64 * 1024;

/** The lines in the first `size` bytes of a file, last line first, with bounded memory. */
export async function* linesFromEnd(file: FileHandle, size: number): AsyncGenerator<string, void, undefined> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  // latin1 has one byte per character: a chunk may start in the middle of a UTF-8 character.
  let rest = '';
  for (let end = size; end > 0; end -= chunkBytes) {
    const start = Math.max(0, end - chunkBytes);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    const lines = (chunk.toString('latin1', 0, bytesRead) + rest).split('\n');
    rest = lines.shift()?.slice(0, chunkBytes) ?? '';
    for (const line of lines.toReversed()) yield Buffer.from(line, 'latin1').toString();
  }
  yield Buffer.from(rest, 'latin1').toString();
}
