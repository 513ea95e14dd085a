import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { removeDownload } from '../girder/download.ts';
import { ConfinedPathError } from '../io/confined-path.ts';
import { createFile, openRegularFile } from '../io/confined.ts';
import { describe, RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { SharedVolume } from './setting.ts';
import type { Download } from './steps.ts';

/**
 * What the downloads of a run put into volumes that outlive it, which the run removes again. While it lasts, each
 * such volume has a journal of it, so that the next attempt removes what a killed worker could not.
 */
export class StagedFiles {
  readonly #journals = new Map<SharedVolume, Journal>();

  /** Removes what earlier attempts of the run left, and begins the journals; paths are noted from then on. */
  async begin(runUid: string, downloads: readonly Download[]): Promise<void> {
    for (const { volume } of downloads) {
      if (volume.temporary || this.#journals.has(volume)) continue;
      this.#journals.set(volume, await Journal.begin(volume, `.dockerrun-${runUid}`));
    }
  }

  /** Notes a path in a volume just before it is made. */
  note(volume: SharedVolume, path: string): void {
    this.#journals.get(volume)?.note(path);
  }

  /** Removes all that was noted; what the target put beside it stays. */
  async remove(log: Logger): Promise<void> {
    for (const [volume, journal] of this.#journals) {
      const kept = await journal.undo();
      if (kept.length > 0) log.info({ volume: volume.name, kept }, 'downloaded paths stay, they are in use');
    }
  }
}

/** A file in a volume with one path in JSON per line. */
class Journal {
  readonly #root: string;
  readonly #name: string;
  readonly #file: FileHandle;
  readonly #paths: string[] = [];

  private constructor(root: string, name: string, file: FileHandle) {
    this.#root = root;
    this.#name = name;
    this.#file = file;
  }

  static async begin({ localPath, name: volume }: SharedVolume, name: string): Promise<Journal> {
    try {
      await removeDownload(localPath, [name, ...(await readPaths(localPath, name))]);
      return new Journal(localPath, name, await createFile(localPath, name, 0o600));
    } catch (error) {
      throw new RunError('DownloadFailed', `volume ${volume} cannot take downloads: ${describe(error)}`, {
        cause: error,
      });
    }
  }

  note(path: string): void {
    this.#paths.push(path);
    writeSync(this.#file.fd, `${JSON.stringify(path)}\n`);
  }

  async undo(): Promise<string[]> {
    await this.#file.close();
    const kept = await removeDownload(this.#root, [this.#name, ...this.#paths]);
    return kept.filter((path) => path !== this.#name);
  }
}

async function readPaths(root: string, name: string): Promise<string[]> {
  try {
    await using file = await openRegularFile(root, name);
    return (await file.readFile('utf8')).split('\n').flatMap(parseLine);
  } catch (error) {
    if (error instanceof ConfinedPathError && error.problem === 'missing') return [];
    throw error;
  }
}

/** The last line may be cut; its path was not made then. */
function parseLine(line: string): string[] {
  try {
    const path: unknown = JSON.parse(line);
    return typeof path === 'string' ? [path] : [];
  } catch {
    return [];
  }
}
