import { mkdir, mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '../support/errors.ts';
import { UsageError } from './usage-error.ts';

/** What the directories of runs begin with, so that one can tell what was left by a run that was killed. */
const prefix = 'dockerrun-';

/** The directory of one run. */
export type LocalDirectory = {
  /** A real path: TMPDIR can be a link that the Docker Engine does not follow, as /var on macOS. */
  readonly path: string;
  /** Where streams wait to become files of Girder. */
  readonly spool: string;
};

/**
 * Makes the directory of one run in TMPDIR. Nobody else can look into it, and volumes within can still be writable
 * for every user of the target, whose mounts do not go by way of it.
 * @throws UsageError
 */
export async function makeLocalDirectory(): Promise<LocalDirectory> {
  const path = await freshDirectory(tmpdir(), 'TMPDIR');
  const spool = join(path, 'spool');
  await mkdir(spool);
  return { path, spool };
}

/** Makes a new directory in another, by its real path; `source` is where the other one comes from, for the message. */
export async function freshDirectory(parent: string, source: string): Promise<string> {
  try {
    return await mkdtemp(join(await realpath(parent), prefix));
  } catch (error) {
    throw new UsageError(`${source}: no directory can be made in ${parent}: ${describe(error)}`);
  }
}
