import { readdir, readFile, rmdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { temporaryDirectoryName, temporaryDirectoryOf, workerContainerName } from '../../api/names.ts';
import {
  dockerPodVolume,
  hiddenPodVolume,
  type PlannedHostMount,
  podVolume,
  type RunPlan,
  workerPaths,
} from '../../api/run-plan.ts';
import { ConfinedPathError, inDirectory, openDirectory, splitLast } from '../../io/confined.ts';
import { describe, RunError } from '../../support/errors.ts';
import { type MountedDirectory, mountedAt } from './claim-paths.ts';

/** A host path that is mounted into the worker, and that leads where the policy says. */
export type OpenHostPath = {
  /** The kubelet's mount of it on the node, which only root can change; the engine mounts this. */
  readonly source: string;
  /** An empty directory on the node for the target, in place of the temporary volumes of other runs. */
  readonly hidden: string | undefined;
  /** Identifies the directory on the node. */
  readonly directory: string;
  readonly isDirectory: boolean;
};

/** A host path of the spec with its places. */
type Place = PlannedHostMount & {
  readonly field: string;
  /** As in the spec. */
  readonly path: string;
  /** The directory of the policy that it is mounted from. */
  readonly base: string;
  readonly localPath: string;
  readonly kind: 'bindMount' | 'dockerVolume' | 'temporary';
  /** Where it is in `base` if no link leads there. */
  readonly within: string;
};

/**
 * Checks every host path of a run, by its volume of the pod. The kubelet has opened them without following a
 * link out of `base`; a link inside of it could still lead to what the policy restricts there. What is
 * compared are mounts, so that nothing can change between the check and the use.
 * @throws RunError HostPathNotAllowed, or HostPathNotVisible for a directory that did not exist
 */
export async function openHostPaths(plan: RunPlan, podUid: string): Promise<Map<string, OpenHostPath>> {
  return openPlaces(placesOf(plan), plan, podUid);
}

/**
 * The same check of one volume, before a cleanup removes files from it.
 * @throws RunError HostPathNotAllowed, also if the policy has changed
 */
export async function checkHostPath(plan: RunPlan, podUid: string, volume: string): Promise<void> {
  const index = plan.spec.volumes?.findIndex(({ name }) => name === volume) ?? -1;
  if (plan.spec.volumes?.[index]?.bindMount === undefined) return;
  const places = placesOf(plan).filter((place) => place.volume === podVolume(index));
  if (places.length === 0) throw new RunError('HostPathNotAllowed', `the policy has changed for ${volume}`);
  await openPlaces(places, plan, podUid);
}

async function openPlaces(
  places: readonly Place[],
  plan: RunPlan,
  podUid: string,
): Promise<Map<string, OpenHostPath>> {
  const open = new Map<string, OpenHostPath>();
  if (places.length === 0) return open;
  const mountinfo = await readFile('/proc/self/mountinfo', 'utf8');
  const podDirectory = join(plan.kubeletRoot, 'pods', podUid);
  for (const place of places) {
    const { device, root } = await checkMounted(place, mountinfo);
    if (place.kind !== 'temporary') await checkExisted(place);
    open.set(place.volume, {
      source: await sourceOf(place, podDirectory),
      hidden: place.hides
        ? join(podDirectory, 'volumes', 'kubernetes.io~empty-dir', hiddenPodVolume)
        : undefined,
      directory: `${device}:${root}`,
      isDirectory: (await stat(place.localPath)).isDirectory(),
    });
  }
  return open;
}

function placesOf({ run, spec, hostMounts = [] }: RunPlan): Place[] {
  const planned = new Map(hostMounts.map((mount) => [mount.volume, mount]));
  type Given = Pick<Place, 'field' | 'path' | 'localPath' | 'kind'>;
  const place = (volume: string, other: Given, name = ''): Place[] => {
    const mount = planned.get(volume);
    if (mount?.isMounted !== true) return [];
    const temporary = `${temporaryDirectoryName}/${temporaryDirectoryOf(run.uid, name)}`;
    const { base, rest } = dividedPath(other.path, mount.baseDepth);
    return [{ ...mount, ...other, base, within: other.kind === 'temporary' ? temporary : rest }];
  };
  return [
    ...(spec.volumes ?? []).flatMap(({ name, bindMount, temporary }, index) => {
      const [kind, field] = bindMount
        ? (['bindMount', 'hostPath'] as const)
        : (['temporary', 'hostDir'] as const);
      const path = bindMount?.hostPath ?? temporary?.hostDir ?? '';
      const localPath = workerPaths.volume(name);
      const at = `spec.volumes: ${name}.${kind}.${field}`;
      return place(podVolume(index), { kind, path, localPath, field: at }, name);
    }),
    ...Object.keys(spec.dockerVolumes ?? {}).flatMap((path, index) => {
      const localPath = workerPaths.dockerVolume(index);
      return place(dockerPodVolume(index), {
        kind: 'dockerVolume',
        path,
        localPath,
        field: 'spec.dockerVolumes',
      });
    }),
  ];
}

/** A path in the directory that it is mounted from, and the rest of it, which may be empty. */
export function dividedPath(path: string, baseDepth: number): { base: string; rest: string } {
  const parts = path.split('/').filter((part) => part !== '');
  return { base: `/${parts.slice(0, baseDepth).join('/')}`, rest: parts.slice(baseDepth).join('/') };
}

async function checkMounted(place: Place, mountinfo: string): Promise<MountedDirectory> {
  const base = mountedAt(mountinfo, workerPaths.hostBase(place.baseIndex));
  const mounted = mountedAt(mountinfo, place.localPath);
  if (base === undefined || mounted === undefined)
    throw new RunError('HostPathNotVisible', `${place.field}: ${place.path} is not mounted into the worker`);
  const hidden = mountedAt(mountinfo, workerPaths.hiddenPlace(place.volume));
  switch (whereItLeads(place, { base, mounted, hidden })) {
    case 'where it says':
    case 'inside':
      return mounted;
    case 'around temporary volumes':
      throw refused(place, 'a symbolic link leads from it to the temporary volumes of other runs');
    case 'elsewhere':
      throw refused(place, await whyNotDirect(place));
    case 'temporary volumes elsewhere': {
      const directory = join(place.base, temporaryDirectoryName);
      const why = 'must be a directory of the same file system, and not a symbolic link';
      throw refused(place, `${directory} ${why}`);
    }
  }
}

type Mounts = {
  readonly base: MountedDirectory;
  readonly mounted: MountedDirectory;
  /** The directory that is hidden from the target, if `hides`. */
  readonly hidden: MountedDirectory | undefined;
};

/** Pure. A host path whose mount is elsewhere than its text says leads there through a link or a mount point. */
export function whereItLeads(
  { within, kind, hides, isStrict }: Pick<Place, 'within' | 'kind' | 'hides' | 'isStrict'>,
  { base, mounted, hidden }: Mounts,
): 'where it says' | 'inside' | 'elsewhere' | 'around temporary volumes' | 'temporary volumes elsewhere' {
  const temporary = { device: base.device, root: join(base.root, temporaryDirectoryName) };
  // What the engine mounts over it would end up elsewhere if it were a link.
  if (hides && !isSame(hidden, temporary)) return 'temporary volumes elsewhere';
  if (isSame(mounted, { device: base.device, root: join(base.root, within) })) return 'where it says';
  if (kind === 'temporary') return 'temporary volumes elsewhere';
  const isAround = isWithin(mounted.root, temporary.root) || isWithin(temporary.root, mounted.root);
  if (mounted.device === base.device && isAround) return 'around temporary volumes';
  return isStrict ? 'elsewhere' : 'inside';
}

function isSame(one: MountedDirectory | undefined, other: MountedDirectory): boolean {
  return one?.device === other.device && one.root === other.root;
}

const isWithin = (path: string, directory: string) =>
  path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);

function refused({ field, path }: Place, why: string): RunError {
  return new RunError('HostPathNotAllowed', `${field}: ${path} cannot be mounted from the node: ${why}`);
}

/** Only for the message, because the directory may have changed since the kubelet mounted it. */
async function whyNotDirect({ baseIndex, within, base }: Place): Promise<string> {
  const segments = within.split('/');
  const other = `a component of it is a symbolic link or a mount point inside of ${base}, where the policy has stricter entries`;
  try {
    await using _ = await openDirectory(workerPaths.hostBase(baseIndex), segments);
    return other;
  } catch (error) {
    return error instanceof ConfinedPathError && error.problem === 'unsafe'
      ? `${join(base, error.message)}; a path inside of ${base} must not have links, because the policy has stricter entries there`
      : other;
  }
}

/**
 * Refuses a directory that the kubelet created for the mount: it creates what is missing, but a mistyped path
 * must not become an empty directory. A file system without times of birth does not show it.
 */
async function checkExisted(place: Place): Promise<void> {
  const stats = await stat(place.localPath);
  // The kubelet creates directories alone.
  if (!stats.isDirectory()) return;
  const made = await preparationOf(place.volume);
  if (place.within === '' || !(await isMadeIn(made, place.localPath))) return;
  const segments = place.within.split('/');
  for (let count = segments.length; count > 0; count -= 1)
    if (!(await removeIfMadeIn(made, place.baseIndex, segments.slice(0, count)))) break;
  throw new RunError('HostPathNotVisible', `${place.field}: ${place.path} does not exist on the node`);
}

/** The time from the mount before it to its own, in nanoseconds since 1970: milliseconds, usually. */
type Preparation = { readonly from: bigint; readonly to: bigint };

/** The kubelet prepares one mount after another, each first with what is missing, then with a directory here. */
async function preparationOf(volume: string): Promise<Preparation> {
  const born = async (name: string) => {
    const path = join(workerPaths.podSubPaths, name, workerContainerName);
    return (await stat(path, { bigint: true })).birthtimeNs;
  };
  const to = await born(volume);
  const others = (await readdir(workerPaths.podSubPaths)).filter((name) => name !== volume);
  const earlier = (await Promise.all(others.map(born))).filter((time) => time <= to);
  return { from: earlier.reduce((latest, time) => (time > latest ? time : latest), 0n), to };
}

/** True for an empty directory that was created in this time. */
async function isMadeIn({ from, to }: Preparation, path: string): Promise<boolean> {
  const stats = await stat(path, { bigint: true });
  if (!stats.isDirectory() || stats.birthtimeNs < from || stats.birthtimeNs > to) return false;
  return stats.birthtimeNs > 0n && (await readdir(path)).length === 0;
}

async function removeIfMadeIn(
  made: Preparation,
  baseIndex: number,
  segments: readonly string[],
): Promise<boolean> {
  const { parents, name } = splitLast(segments.join('/'));
  try {
    await using parent = await openDirectory(workerPaths.hostBase(baseIndex), parents);
    const path = inDirectory(parent, name);
    if (!(await isMadeIn(made, path))) return false;
    await rmdir(path);
    return true;
  } catch {
    return false;
  }
}

/** The kubelet numbers the mounts of a container; a webhook may have added some, so that ours has moved. */
async function sourceOf({ volume, field }: Place, podDirectory: string): Promise<string> {
  const directory = join(volume, workerContainerName);
  const indexes = await readdir(join(workerPaths.podSubPaths, directory)).catch((error: unknown) => {
    throw new RunError(
      'HostPathNotVisible',
      `${field}: cannot find the mount on the node: ${describe(error)}`,
    );
  });
  const [index, ...more] = indexes;
  if (index === undefined || more.length > 0) {
    const seen = indexes.map((name) => basename(name)).join(', ') || 'none';
    throw new RunError(
      'HostPathNotVisible',
      `${field}: expected one mount of the kubelet, but found ${seen}`,
    );
  }
  return join(podDirectory, 'volume-subpaths', directory, index);
}
