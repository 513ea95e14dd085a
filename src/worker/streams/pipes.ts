import { type Fifo, FifoError, makeFifo } from '../../io/fifo.ts';
import { type CreatedPath, removePath } from '../../io/confined-change.ts';
import { ConfinedPathError } from '../../io/confined.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';
import type { SharedVolume } from '../run-environment.ts';
import type { PipePlace, StreamSteps } from '../plan.ts';

/** The named pipes of one attempt. */
export class Pipes {
  readonly #fifos = new Map<PipePlace, Fifo>();
  readonly #made: { volume: SharedVolume; made: CreatedPath }[] = [];

  /** @throws RunError FileExists if the name is taken, otherwise PipeFailed */
  async make({ journal }: RunContext, place: PipePlace): Promise<void> {
    const { volume, path } = place;
    try {
      const fifo = await makeFifo(volume.localPath, path, (made) => {
        journal.note(volume, made);
        this.#made.push({ volume, made });
      });
      this.#fifos.set(place, fifo);
    } catch (error) {
      throw explain(error, 'create', place);
    }
  }

  /** Opens the reading or writing end of a pipe. @throws RunError PipeFailed */
  async open<End>(place: PipePlace, end: { open(root: string, fifo: Fifo): Promise<End> }): Promise<End> {
    const fifo = this.#fifos.get(place);
    if (fifo === undefined) throw new TypeError(`there is no pipe at ${place.path}`);
    try {
      return await end.open(place.volume.localPath, fifo);
    } catch (error) {
      throw explain(error, 'open', place);
    }
  }

  /** Removes the pipes and the directories that were created for them; leaves whatever has replaced them. */
  async remove(): Promise<void> {
    for (const { volume, made } of this.#made.splice(0).toReversed()) {
      await removePath(volume.localPath, made).catch(() => false);
    }
  }
}

export function pipePlaces({ inputs, outputs, barePipes }: StreamSteps): PipePlace[] {
  return [
    ...inputs.map(({ pipe }) => pipe),
    ...outputs.flatMap(({ source }) => (typeof source === 'string' ? [] : [source])),
    ...barePipes,
  ];
}

function explain(error: unknown, action: 'create' | 'open', { volume, path }: PipePlace): unknown {
  const where = `the pipe ${path} in volume ${volume.name}`;
  if (error instanceof ConfinedPathError) {
    if (error.problem === 'exists') return new RunError('FileExists', takenText(where), { cause: error });
    return new RunError('PipeFailed', `cannot ${action} ${where}: ${error.message}`, { cause: error });
  }
  if (error instanceof FifoError || (error instanceof Error && 'code' in error)) {
    return new RunError('PipeFailed', `cannot ${action} ${where}: ${describe(error)}`, { cause: error });
  }
  return error;
}

/** A user whose run shares a pipe with another run must not be led to remove that pipe. */
function takenText(where: string): string {
  return `cannot create ${where}: the name is taken, maybe by the pipe of another run; a run that only joins that pipe names it with a volumePath`;
}
