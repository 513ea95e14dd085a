import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseJson } from '../../api/json-values.ts';
import { removeDownload } from '../../girder/download/download.ts';
import { removePath } from '../../io/confined-change.ts';
import { ConfinedPathError } from '../../io/confined-path.ts';
import { createFile, openRegularFile } from '../../io/confined.ts';
import { linesFromEnd } from '../../io/lines-from-end.ts';
import { type CreatedPath, ownNamePrefix } from '../../io/made-path.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';
import type { SharedVolume } from '../run-environment.ts';

/** Bytes. Of a million paths there is more than a run makes; the target can write to the file as well. */
const longestJournal = 64 * 1024 * 1024;

/** A file in a volume with one made path in JSON per line; volumes can share a directory, but not a journal. */
export class StagedJournal {
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
