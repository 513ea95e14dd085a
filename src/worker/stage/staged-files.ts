import type { MadePath } from '../../io/made-path.ts';
import type { Logger } from '../../support/log.ts';
import type { SharedVolume } from '../run-environment.ts';
import { StagedJournal, type SweepSupport } from './staged-journal.ts';

/**
 * What downloads and pipes of a run put into volumes that outlive it, which the run removes again. While it lasts, each
 * such volume has a journal of it, so that the next attempt removes what a killed worker could not.
 */
export class StagedFiles {
  readonly #journals = new Map<SharedVolume, StagedJournal>();

  /** Removes what earlier attempts of the run left, and begins the journals; paths are noted from then on. */
  async begin(runUid: string, volumes: Iterable<SharedVolume>, support: SweepSupport = {}): Promise<void> {
    for (const volume of volumes) {
      if (volume.temporary || this.#journals.has(volume)) continue;
      this.#journals.set(volume, await StagedJournal.begin(volume, runUid, support));
    }
  }

  /** Removes what earlier attempts of the run left in a volume, and its journal; throws when that has to stay. */
  static async sweep(
    runUid: string,
    { localPath, name }: Pick<SharedVolume, 'localPath' | 'name'>,
    support: SweepSupport = {},
  ): Promise<void> {
    const journal = StagedJournal.nameOf(runUid, name);
    if (!(await StagedJournal.sweep(localPath, journal, support)))
      throw new Error(`${journal} cannot be removed`);
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
