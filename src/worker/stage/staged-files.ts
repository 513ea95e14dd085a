import type { CreatedPath } from '../../io/made-path.ts';
import type { SharedVolume } from '../run-environment.ts';
import type { Journal, RunContext } from '../context.ts';
import { StagedJournal } from './staged-journal.ts';

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
