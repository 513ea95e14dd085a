import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { removeDownload } from '../girder/download.ts';
import { ConfinedPathError } from '../io/confined-path.ts';
import { createFile, openRegularFile } from '../io/confined.ts';
import { type MadePath, ownNamePrefix } from '../io/made-path.ts';
import { describe, RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { SharedVolume } from './setting.ts';

/**
 * What downloads and pipes of a run put into volumes that outlive it, which the run removes again. While it lasts, each
 * such volume has a journal of it, so that the next attempt removes what a killed worker could not.
 */
export class StagedFiles {
  readonly #journals = new Map<SharedVolume, Journal>();

  /** Removes what earlier attempts of the run left, and begins the journals; paths are noted from then on. */
  async begin(runUid: string, volumes: Iterable<SharedVolume>): Promise<void> {
    for (const volume of volumes) {
      if (volume.temporary || this.#journals.has(volume)) continue;
      this.#journals.set(volume, await Journal.begin(volume, runUid));
    }
  }

  /** Removes what earlier attempts of the run left in a volume, and its journal; throws when that has to stay. */
  static async sweep(
    runUid: string,
    { localPath, name }: Pick<SharedVolume, 'localPath' | 'name'>,
  ): Promise<void> {
    const journal = Journal.nameOf(runUid, name);
    const kept = await Journal.sweep(localPath, journal);
    if (kept.includes(journal)) throw new Error(`these cannot be removed: ${kept.join(', ')}`);
  }

  /** Notes a path in a volume just before it is made. */
  note(volume: SharedVolume, made: MadePath): void {
    this.#journals.get(volume)?.note(made);
  }

  /** Removes all that was noted; what the target put beside it stays. */
  async remove(log: Logger): Promise<void> {
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

/** A file in a volume with one made path in JSON per line; volumes can share a directory, but not a journal. */
class Journal {
  readonly #root: string;
  readonly #name: string;
  readonly #file: FileHandle;
  readonly #made: MadePath[] = [];

  private constructor(root: string, name: string, file: FileHandle) {
    this.#root = root;
    this.#name = name;
    this.#file = file;
  }

  static nameOf(runUid: string, volume: string): string {
    return `${ownNamePrefix}${runUid}-${volume}`;
  }

  /** Removes what a journal notes, and itself; there may be none. */
  static async sweep(root: string, name: string): Promise<string[]> {
    return removeDownload(root, [{ path: name }, ...(await readLines(root, name))]);
  }

  static async begin({ localPath, name: volume }: SharedVolume, runUid: string): Promise<Journal> {
    const name = Journal.nameOf(runUid, volume);
    try {
      await Journal.sweep(localPath, name);
      return new Journal(localPath, name, await createFile(localPath, name, 0o600));
    } catch (error) {
      throw new RunError('DownloadFailed', `volume ${volume} cannot take downloads: ${describe(error)}`, {
        cause: error,
      });
    }
  }

  note(made: MadePath): void {
    this.#made.push(made);
    writeSync(this.#file.fd, `${JSON.stringify(made)}\n`);
  }

  async undo(): Promise<string[]> {
    await this.#file.close();
    const kept = await removeDownload(this.#root, [{ path: this.#name }, ...this.#made]);
    return kept.filter((path) => path !== this.#name);
  }
}

async function readLines(root: string, name: string): Promise<MadePath[]> {
  try {
    await using file = await openRegularFile(root, name);
    return (await file.readFile('utf8')).split('\n').flatMap(parseLine);
  } catch (error) {
    if (error instanceof ConfinedPathError && error.problem === 'missing') return [];
    throw error;
  }
}

/** The last line may be cut; its path was not made then. */
function parseLine(line: string): MadePath[] {
  try {
    const made: unknown = JSON.parse(line);
    return Value.Check(madePath, made) ? [made] : [];
  } catch {
    return [];
  }
}

const madePath = Type.Object({ path: Type.String(), inode: Type.Optional(Type.String()) });
