import { rm } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { containerName, labels } from '../api/names.ts';
import { connectEngine } from '../docker/engine.ts';
import { runContainer } from '../docker/run-container.ts';
import { deadline } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import type { RunEnvironment } from '../worker/run-environment.ts';

/** The run, for the container that changes the permissions of its files; `image` is that of the target. */
export type Cleaner = Pick<RunEnvironment, 'run' | 'attempt' | 'dockerSocket'> & { readonly image: string };

const cleaningMs = 60_000;
const stopGraceMs = 1_000;

/**
 * Deletes a directory. If that fails, because files in it belong to root, a container of the target's image,
 * which is already on this machine, first makes them writable. A second failure does not fail the run.
 * @param warn called with what the user can do about it
 */
export async function removeDirectory(
  directory: string,
  cleaner: Cleaner,
  warn: (message: string) => void,
): Promise<void> {
  if ((await tryToRemove(directory)) === undefined) return;
  await makeWritable(directory, cleaner).catch(() => undefined);
  const problem = await tryToRemove(directory);
  if (problem === undefined) return;
  warn(`cannot remove ${directory}: ${describe(problem)}; remove it with: sudo rm -rf ${directory}`);
}

/** Returns the error, or undefined if the directory no longer exists. */
async function tryToRemove(directory: string): Promise<unknown> {
  return rm(directory, { recursive: true, force: true }).then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Runs chmod in a container, as root, so that the user can delete the content of the directory. */
async function makeWritable(
  directory: string,
  { run, attempt, dockerSocket, image }: Cleaner,
): Promise<void> {
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
