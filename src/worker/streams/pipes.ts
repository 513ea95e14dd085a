import { type Fifo, FifoError, makeFifo } from '../../io/fifo.ts';
import { type CreatedPath, removePath } from '../../io/confined-change.ts';
import { ConfinedPathError } from '../../io/confined.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';
import type { SharedVolume } from '../run-environment.ts';
import type { PipePlace, StreamSteps } from '../plan.ts';

/** The named pipes of one attempt in their volumes. */
export class Pipes {
  readonly #fifos = new Map<PipePlace, Fifo>();
  readonly #made: { volume: SharedVolume; made: CreatedPath }[] = [];

  /** Makes the pipe of a place. */
  async make({ journal }: RunContext, place: PipePlace): Promise<void> {
    const { volume, path } = place;
    try {
      const fifo = await makeFifo(volume.localPath, path, (made) => {
        journal.note(volume, made);
        this.#made.push({ volume, made });
      });
      this.#fifos.set(place, fifo);
    } catch (error) {
      throw explain(error, place);
    }
  }

  /** Opens an end of the pipe of a place. */
  async open<End>(place: PipePlace, end: { open(root: string, fifo: Fifo): Promise<End> }): Promise<End> {
    const fifo = this.#fifos.get(place);
    if (fifo === undefined) throw new TypeError(`no pipe was made at ${place.path}`);
    try {
      return await end.open(place.volume.localPath, fifo);
    } catch (error) {
      throw explain(error, place);
    }
  }

  /** Removes the pipes and the directories made for them; what somebody else put there stays. */
  async remove(): Promise<void> {
    for (const { volume, made } of this.#made.splice(0).toReversed()) {
      await removePath(volume.localPath, made).catch(() => false);
    }
  }
}

/** The places of all pipes of a run. */
export function pipePlaces({ inputs, outputs, barePipes }: StreamSteps): PipePlace[] {
  return [
    ...inputs.map(({ pipe }) => pipe),
    ...outputs.flatMap(({ source }) => (typeof source === 'string' ? [] : [source])),
    ...barePipes,
  ];
}

function explain(error: unknown, { volume, path }: PipePlace): unknown {
  const where = `the pipe ${path} in volume ${volume.name}`;
  if (error instanceof ConfinedPathError) {
    if (error.problem === 'exists') return new RunError('FileExists', takenText(where), { cause: error });
    return new RunError('PipeFailed', `${where} cannot be made: ${error.message}`, { cause: error });
  }
  if (error instanceof FifoError || (error instanceof Error && 'code' in error)) {
    return new RunError('PipeFailed', `${where} cannot be made: ${describe(error)}`, { cause: error });
  }
  return error;
}

/** Two runs that talk through a pipe share it, and the one that did not make it must not be led to remove it. */
function takenText(where: string): string {
  return `${where} cannot be made, since its name is taken, maybe by the pipe of another run: a run that only joins that pipe names it with a volumePath`;
}
