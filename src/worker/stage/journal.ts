import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseJson } from '../../api/json-values.ts';
import { removeDownload } from '../../girder/download/download.ts';
import { type CreatedPath, ownNamePrefix, removePath } from '../../io/confined-change.ts';
import { ConfinedPathError, createFile, openRegularFile } from '../../io/confined.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { Journal, RunContext } from '../context.ts';
import type { SharedVolume } from '../run-environment.ts';

/**
 * What downloads and pipes of a run put into volumes that outlive it, which the run removes again. While it lasts, each
 * such volume has a journal of it, so that the next attempt removes what a killed worker could not.
 */
export class StagedFiles implements Journal {
  readonly #journals = new Map<SharedVolume, StagedJournal>();

  /** Removes what earlier attempts of the run left, and begins the journals; paths are noted from then on. */
  async begin(context: RunContext, volumes: Iterable<SharedVolume>): Promise<void> {
    for (const volume of volumes) {
      if (volume.temporary || this.#journals.has(volume)) continue;
      this.#journals.set(volume, await StagedJournal.begin(context, volume));
    }
  }

  /** Removes what earlier attempts of the run left in a volume, and its journal; throws when that has to stay. */
  static async sweep(
    context: Pick<RunContext, 'log' | 'signal'>,
    runUid: string,
    { localPath, name }: Pick<SharedVolume, 'localPath' | 'name'>,
  ): Promise<void> {
    const journal = StagedJournal.nameOf(runUid, name);
    if (!(await StagedJournal.sweep(context, localPath, journal)))
      throw new Error(`${journal} cannot be removed`);
  }

  /** Notes a path in a volume just before it is made. */
  note(volume: SharedVolume, made: CreatedPath): void {
    this.#journals.get(volume)?.note(made);
  }

  /** Removes all that was noted; what the target put beside it stays. */
  async remove({ log }: RunContext): Promise<void> {
    for (const [volume, journal] of this.#journals) {
      const kept = await journal.undo();
      if (kept.length > 0)
        log.info(
          { volume: volume.name, kept },
          'these paths stay: they are in use, or no longer what was downloaded',
        );
    }
  }
}

/** Bytes. Of a million paths there is more than a run makes; the target can write to the file as well. */
const longestJournal = 64 * 1024 * 1024;

/** A file in a volume with one made path in JSON per line; volumes can share a directory, but not a journal. */
class StagedJournal {
  readonly #root: string;
  readonly #name: string;
  readonly #file: FileHandle;
  readonly #made: CreatedPath[] = [];

  private constructor(root: string, name: string, file: FileHandle) {
    this.#root = root;
    this.#name = name;
    this.#file = file;
  }

  static nameOf(runUid: string, volume: string): string {
    return `${ownNamePrefix}${runUid}-${volume}`;
  }

  /** Removes what a journal notes, and itself; there may be none. False when the journal has to stay. */
  static async sweep(
    { log, signal }: Pick<RunContext, 'log' | 'signal'>,
    root: string,
    name: string,
  ): Promise<boolean> {
    try {
      for await (const made of notedIn(root, name)) {
        signal.throwIfAborted();
        await removePath(root, made).catch(() => false);
      }
    } catch (error) {
      if (!(error instanceof ConfinedPathError)) throw error;
      if (error.problem !== 'missing')
        log.warn({ cause: error.message }, 'what an earlier attempt put into a volume may stay');
    }
    return removePath(root, { path: name }).catch(() => false);
  }

  /** Begins a new journal after a sweep. */
  static async begin(context: RunContext, { localPath, name: volume }: SharedVolume): Promise<StagedJournal> {
    const name = StagedJournal.nameOf(context.environment.run.uid, volume);
    try {
      await StagedJournal.sweep(context, localPath, name);
      return new StagedJournal(localPath, name, await createFile(localPath, name, 0o600));
    } catch (error) {
      context.signal.throwIfAborted();
      throw new RunError('DownloadFailed', `volume ${volume} cannot take downloads: ${describe(error)}`, {
        cause: error,
      });
    }
  }

  /** Notes a path just before it is made. */
  note(made: CreatedPath): void {
    this.#made.push(made);
    writeSync(this.#file.fd, `${JSON.stringify(made)}\n`);
  }

  /** Removes what was noted, and the journal; tells what had to stay. */
  async undo(): Promise<string[]> {
    await this.#file.close();
    const kept = await removeDownload(this.#root, [{ path: this.#name }, ...this.#made]);
    return kept.filter((path) => path !== this.#name);
  }
}

/** From the last to the first, as a directory is noted before what is in it. */
async function* notedIn(root: string, name: string): AsyncGenerator<CreatedPath, void, undefined> {
  await using file = await openRegularFile(root, name);
  const { size } = await file.stat();
  if (size > longestJournal)
    throw new ConfinedPathError('unsafe', `${name} has ${size} bytes, more than a run writes`);
  for await (const line of linesFromEnd(file, size)) yield* parseLine(line);
}

/** The last line may be cut; its path was not made then. */
function parseLine(line: string): CreatedPath[] {
  const made = parseJson(line);
  return Value.Check(madePath, made) ? [made] : [];
}

const madePath = Type.Object({ path: Type.String(), inode: Type.Optional(Type.String()) });

/** Bytes that are read at once, and of a line that are kept. */
const chunkBytes = 64 * 1024;

/** Gives the lines in the first `size` bytes of a file from the last to the first, and holds only a few at a time. */
export async function* linesFromEnd(file: FileHandle, size: number): AsyncGenerator<string, void, undefined> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  // In latin1 every character is one byte: a chunk may begin within a character.
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
