import { chmod, mkdir, mkdtemp, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { namedTemporaryVolumePath, temporaryVolumeName, temporaryVolumePath } from '../api/names.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import type { Volume } from '../api/volumes.ts';
import { describe, RunError } from '../support/errors.ts';
import { type OpenVolumes, sharedMode, type SharedVolume } from '../worker/run-environment.ts';
import { UsageError } from './arguments.ts';

/** What a volume needs of this machine. */
type LocalPlace = {
  /** Where temporary volumes are made that are in no directory of their own. */
  readonly directory: string;
  /** Deletes a directory and all that the target left in it; tells it itself when that fails. */
  readonly remove: (directory: string) => Promise<void>;
};

/** Makes the temporary volumes of a run and finds the others; when one fails, those that were made are removed. */
export async function openLocalVolumes(spec: DockerRunSpec, place: LocalPlace): Promise<OpenVolumes> {
  const made: string[] = [];
  const remove = async () => {
    await Promise.all(made.splice(0).map(place.remove));
  };
  const opening = { ...place, made };
  try {
    const volumes = [await temporaryVolume(temporaryVolumeName, temporaryVolumePath, opening)];
    for (const volume of spec.volumes ?? []) volumes.push(await openVolume(volume, opening));
    return { volumes, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

type Opening = LocalPlace & { readonly made: string[] };

async function openVolume(volume: Volume, opening: Opening): Promise<SharedVolume> {
  const { name, bindMount, temporary, persistentVolumeClaim } = volume;
  if (bindMount !== undefined) {
    const { hostPath: given, containerPath, mode } = bindMount;
    const hostPath = await directoryAt(given, `spec.volumes: ${name}.bindMount.hostPath`);
    return sharedVolume({ name, hostPath, containerPath, readOnly: mode === 'ro', temporary: false });
  }
  if (persistentVolumeClaim !== undefined) {
    throw new RunError(
      'InvalidSpec',
      `spec.volumes: ${name}: a run without a cluster has no claims, such as ${persistentVolumeClaim.claimName}; use a bindMount of a directory with the same files`,
    );
  }
  return temporaryVolume(name, namedTemporaryVolumePath(name), opening, temporary?.hostDir);
}

async function temporaryVolume(
  name: string,
  containerPath: string,
  { directory, made }: Opening,
  hostDir?: string,
): Promise<SharedVolume> {
  let hostPath = join(directory, 'volumes', name);
  if (hostDir === undefined) {
    await mkdir(hostPath, { recursive: true });
  } else {
    const field = `spec.volumes: ${name}.temporary.hostDir`;
    await mkdir(hostDir, { recursive: true }).catch((error: unknown) => {
      throw new RunError('InvalidSpec', `${field}: ${hostDir} cannot be made: ${describe(error)}`);
    });
    hostPath = await freshDirectory(hostDir, field);
  }
  made.push(hostPath);
  await chmod(hostPath, sharedMode);
  const volume = sharedVolume({ name, hostPath, containerPath, readOnly: false, temporary: true });
  return hostDir === undefined
    ? volume
    : { ...volume, configuredBy: `that the Docker Engine shares ${hostDir}` };
}

function sharedVolume(volume: Omit<SharedVolume, 'localPath' | 'configuredBy'>): SharedVolume {
  const configuredBy = volume.temporary
    ? 'TMPDIR, which must be a directory that the Docker Engine shares'
    : `that the Docker Engine shares ${volume.hostPath}`;
  return { ...volume, localPath: volume.hostPath, configuredBy };
}

/** The real path of a directory; a file would be refused by the kubelet, too. */
async function directoryAt(path: string, field: string): Promise<string> {
  const real = await realpath(path).catch((error: unknown) => {
    throw new RunError('InvalidSpec', `${field}: there is no ${path} on this machine: ${describe(error)}`);
  });
  if ((await stat(real)).isDirectory()) return real;
  throw new RunError('InvalidSpec', `${field} is a file, ${path}; use dockerVolumes for files`);
}

/** The dictionary with real paths; what does not exist stays as it is, and the engine says so. */
export async function realDockerVolumes(
  volumes: NonNullable<DockerRunSpec['dockerVolumes']>,
): Promise<NonNullable<DockerRunSpec['dockerVolumes']>> {
  const real = new Map(Object.entries(volumes));
  for (const [path, mount] of Object.entries(volumes)) {
    const target = await realpath(path).catch(() => path);
    // One directory can be mounted at two places; as keys of one dictionary the two must stay apart.
    if (real.has(target)) continue;
    real.delete(path);
    real.set(target, mount);
  }
  return Object.fromEntries(real);
}

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
async function freshDirectory(parent: string, source: string): Promise<string> {
  try {
    return await mkdtemp(join(await realpath(parent), prefix));
  } catch (error) {
    throw new UsageError(`${source}: no directory can be made in ${parent}: ${describe(error)}`);
  }
}
