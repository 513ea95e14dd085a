import { rm } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { containerName, labels } from '../api/names.ts';
import { connectEngine } from '../docker/engine.ts';
import { runContainer } from '../docker/run-container.ts';
import { deadline } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import type { RunEnvironment } from '../worker/run-environment.ts';

/** What a run tells about itself, for a container that cleans up after it. */
export type Cleaner = Pick<RunEnvironment, 'run' | 'attempt' | 'dockerSocket'> & { readonly image: string };

const cleaningMs = 60_000;
const stopGraceMs = 1_000;

/**
 * Deletes a directory. Files that the target left there as root are not those of the user who runs this: then a
 * container of the run's own image, which is here already, first makes them so. What cannot be removed decides
 * nothing about the run; `warn` gets the sentence that says what to do.
 */
export async function removeDirectory(
  directory: string,
  cleaner: Cleaner,
  warn: (sentence: string) => void,
): Promise<void> {
  if ((await removal(directory)) === undefined) return;
  await openUp(directory, cleaner).catch(() => undefined);
  const problem = await removal(directory);
  if (problem === undefined) return;
  warn(`${directory} could not be removed (${describe(problem)}); sudo rm -rf ${directory} does it`);
}

/** What is in the way of a removal; nothing when the directory is gone. */
async function removal(directory: string): Promise<unknown> {
  return rm(directory, { recursive: true, force: true }).then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Lets a container, as root, give everybody the right to delete what is in the directory. */
async function openUp(directory: string, { run, attempt, dockerSocket, image }: Cleaner): Promise<void> {
  const signal = deadline(cleaningMs);
  const engine = await connectEngine({ socketPath: dockerSocket, signal });
  const nowhere = () => new PassThrough().resume();
  const place = '/dockerrun';
  await runContainer(
    { engine, signal },
    {
      name: containerName(run.uid, `${attempt}-cleanup`),
      labels: { [labels.runUid]: run.uid, [labels.attempt]: attempt },
      image,
      command: ['chmod', '-R', 'a+rwX', place],
      args: [],
      env: [],
      mounts: [{ type: 'bind', source: directory, target: place, readOnly: false }],
      docker: { user: '0:0', networkMode: 'none' },
    },
    { stdout: nowhere(), stderr: nowhere(), onStarted: () => undefined, stopGraceMs },
  );
}
