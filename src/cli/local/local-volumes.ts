import { chmod, mkdir, mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, posix } from 'node:path';
import { PassThrough } from 'node:stream';
import { textOf } from '../../api/json-values.ts';
import { containerName, labels, temporaryVolumeName, temporaryVolumePath } from '../../api/names.ts';
import { directoryUseOf } from '../../api/spec-usage.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { containerPathOfVolume, isKeyVolume, mountModeOf, type Volume } from '../../api/volumes.ts';
import { connectEngine } from '../../docker/engine.ts';
import type { RegistryAuths } from '../../docker/pull/registry-auths.ts';
import { runContainer } from '../../docker/run-container.ts';
import { deadline } from '../../support/abort.ts';
import { describe, RunError } from '../../support/errors.ts';
import {
  type OpenVolumes,
  type RunEnvironment,
  sharedMode,
  type SharedVolume,
} from '../../worker/run-environment.ts';
import { UsageError } from '../arguments.ts';

type LocalPlace = {
  /** The directory for temporary volumes without a hostDir. */
  readonly directory: string;
  /** Deletes a directory with its content; never rejects, but prints a warning. */
  readonly remove: (directory: string) => Promise<void>;
  /** The files of a Secret or ConfigMap by their paths. @throws RunError SecretIncomplete */
  readonly filesOf: (volume: Volume) => ReadonlyMap<string, string>;
  readonly engineSide?: EngineSide | undefined;
};

/** What differs for the helper container of an engine that shares no files with the command. */
export type EngineSide = {
  /** The path on the engine's machine of a path in the helper's volume. */
  readonly hostPathOf: (path: string) => string;
  /** Where the helper sees the directory of a volume that the spec takes from the engine's machine. */
  readonly boundAt: (volume: string) => string;
  /** What `docker login` left on the user's machine. */
  readonly auths: RegistryAuths;
};

/**
 * Creates the temporary volumes and finds the others; on a failure, removes those that it has created.
 * @throws RunError InvalidSpec if a volume is not available on this machine
 */
export async function openLocalVolumes(spec: DockerRunSpec, place: LocalPlace): Promise<OpenVolumes> {
  const made: string[] = [];
  const remove = async () => {
    await Promise.all(made.splice(0).map(place.remove));
  };
  const opening = { ...place, spec, made };
  try {
    const volumes = [await temporaryVolume(temporaryVolumeName, temporaryVolumePath, opening)];
    for (const volume of spec.volumes ?? [])
      if (volume.namedVolume === undefined) volumes.push(await openVolume(volume, opening));
    return { volumes, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

type Opening = LocalPlace & { readonly spec: DockerRunSpec; readonly made: string[] };

async function openVolume(volume: Volume, opening: Opening): Promise<SharedVolume> {
  const { name, bindMount, temporary, persistentVolumeClaim } = volume;
  if (bindMount !== undefined) {
    const { hostPath: given, containerPath, mode } = bindMount;
    const { engineSide, spec } = opening;
    const at = { given, field: `spec.volumes: ${name}.bindMount.hostPath`, user: directoryUseOf(spec, name) };
    const localPath = await pathAt(engineSide?.boundAt(name) ?? given, at);
    const hostPath = engineSide === undefined ? localPath : given;
    const places = { localPath, hostPath, containerPath };
    return sharedVolume({ name, ...places, ...mountModeOf(mode), temporary: false });
  }
  if (persistentVolumeClaim !== undefined) {
    throw new RunError(
      'InvalidSpec',
      `spec.volumes: ${name}: the PersistentVolumeClaim ${persistentVolumeClaim.claimName} does not exist without a cluster; use a bindMount of a directory with the same files`,
    );
  }
  const containerPath = containerPathOfVolume(volume);
  if (isKeyVolume(volume)) return keyVolume(volume, opening);
  return temporaryVolume(name, containerPath, opening, temporary?.hostDir);
}

async function keyVolume(volume: Volume, opening: Opening): Promise<SharedVolume> {
  const { directory, made, filesOf, engineSide } = opening;
  const { name } = volume;
  const files = filesOf(volume);
  const localPath = join(directory, 'volumes', name);
  made.push(localPath);
  await mkdir(localPath, { recursive: true });
  for (const [path, text] of files) {
    await mkdir(dirname(join(localPath, path)), { recursive: true });
    await writeFile(join(localPath, path), text);
  }
  const hostPath = engineSide?.hostPathOf(localPath) ?? localPath;
  const containerPath = containerPathOfVolume(volume);
  return sharedVolume({ name, localPath, hostPath, containerPath, readOnly: true, temporary: false });
}

async function temporaryVolume(
  name: string,
  containerPath: string,
  { directory, made, engineSide }: Opening,
  hostDir?: string,
): Promise<SharedVolume> {
  let localPath = join(directory, 'volumes', name);
  let hostPath = engineSide?.hostPathOf(localPath) ?? localPath;
  if (hostDir === undefined) {
    await mkdir(localPath, { recursive: true });
  } else {
    const field = `spec.volumes: ${name}.temporary.hostDir`;
    const parent = engineSide?.boundAt(name) ?? hostDir;
    await mkdir(parent, { recursive: true }).catch((error: unknown) => {
      throw new RunError('InvalidSpec', `${field}: cannot create ${hostDir}: ${describe(error)}`);
    });
    localPath = await freshDirectory(parent, field);
    hostPath = engineSide === undefined ? localPath : posix.join(hostDir, basename(localPath));
  }
  made.push(localPath);
  await chmod(localPath, sharedMode);
  const places = { localPath, hostPath, containerPath };
  const volume = sharedVolume({ name, ...places, readOnly: false, temporary: true });
  return hostDir === undefined
    ? volume
    : { ...volume, configuredBy: `that the Docker Engine can see ${hostDir}` };
}

function sharedVolume(volume: Omit<SharedVolume, 'configuredBy'>): SharedVolume {
  const configuredBy = volume.temporary
    ? 'TMPDIR, which must be a directory that the Docker Engine can see'
    : `that the Docker Engine can see ${volume.hostPath}`;
  return { ...volume, configuredBy };
}

/** The real path of a directory or a file; `given` is the user's, and `user` is what of the run needs a directory. */
async function pathAt(
  path: string,
  { given, field, user }: { given: string; field: string; user: string | undefined },
): Promise<string> {
  const real = await realpath(path).catch((error: unknown) => {
    throw new RunError('InvalidSpec', `${field}: cannot find ${given} on this machine: ${describe(error)}`);
  });
  if (user === undefined || (await stat(real)).isDirectory()) return real;
  throw new RunError('InvalidSpec', `${field}: ${given} is a file, but ${user} needs a directory`);
}

/** `spec.dockerVolumes` with real paths; a path that does not exist is kept, and the engine reports it. */
export async function realDockerVolumes(
  volumes: NonNullable<DockerRunSpec['dockerVolumes']>,
): Promise<NonNullable<DockerRunSpec['dockerVolumes']>> {
  const real = new Map(Object.entries(volumes));
  for (const [path, mount] of Object.entries(volumes)) {
    const target = await realpath(path).catch(() => path);
    // A directory may be mounted twice through a link; its real path can be a key only once.
    if (real.has(target)) continue;
    real.delete(path);
    real.set(target, mount);
  }
  return Object.fromEntries(real);
}

/** The prefix of all directories of runs, by which a user finds those of killed runs. */
const prefix = 'dockerrun-';

export type LocalDirectory = {
  /** A real path: TMPDIR can be a link that the Docker Engine does not follow, such as /var on macOS. */
  readonly path: string;
  /** The directory for streams that become files of Girder at the end. */
  readonly spool: string;
};

/**
 * Creates the directory of one run in TMPDIR. Only the user can enter it, but volumes in it can be writable
 * for every user of the target, because their mounts do not pass through it.
 * @throws UsageError
 */
export async function makeLocalDirectory(environment: NodeJS.ProcessEnv): Promise<LocalDirectory> {
  const path = await freshDirectory(textOf(environment['TMPDIR']) ?? tmpdir(), 'TMPDIR');
  const spool = join(path, 'spool');
  await mkdir(spool);
  return { path, spool };
}

/** Returns the real path of the new directory; `source` is the setting of `parent`, for the message. */
async function freshDirectory(parent: string, source: string): Promise<string> {
  try {
    return await mkdtemp(join(await realpath(parent), prefix));
  } catch (error) {
    throw new UsageError(`${source}: cannot create a directory in ${parent}: ${describe(error)}`);
  }
}

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
