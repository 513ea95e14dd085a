import type { SecretKeyReference } from './fields.ts';
import type { GirderResultHook } from './hooks.ts';
import { temporaryVolumeName } from './names.ts';
import type { DockerRunSpec } from './spec.ts';
import type { Connect, Transform } from './transforms.ts';

/** Where in a volume a transform has what its name stands for. */
export type TransformPlace = {
  /** The field of the transform that says so, such as `connect.output.namedInputPipe`. */
  readonly field: string;
  readonly volume: string;
  /** Below the volume; absent when only Girder knows it. */
  readonly path: string | undefined;
  /** A download and a pipe are made by the worker, a path is the target's own. */
  readonly kind: 'download' | 'pipe' | 'path';
};

/** The place of a transform; nothing when it has no path, as a stream of the target's standard output. */
export function placeOf(transform: Transform): TransformPlace | undefined {
  const {
    girderFileIdToVolume: file,
    girderItemIdToVolume: item,
    girderFolderIdToVolume: folder,
  } = transform;
  if (file !== undefined) return place('girderFileIdToVolume', 'download', file, file.filename);
  if (item !== undefined) return place('girderItemIdToVolume', 'download', item);
  if (folder !== undefined) return place('girderFolderIdToVolume', 'download', folder);
  const { volumePath, progressPipe, namedInputPipe, namedOutputPipe, connect } = transform;
  if (volumePath !== undefined) return place('volumePath', 'path', volumePath, volumePath.filename);
  if (progressPipe !== undefined) return place('progressPipe', 'pipe', progressPipe, progressPipe.name);
  if (namedInputPipe !== undefined)
    return place('namedInputPipe', 'pipe', namedInputPipe, namedInputPipe.name);
  if (namedOutputPipe !== undefined) {
    return place('namedOutputPipe', 'pipe', namedOutputPipe, namedOutputPipe.name);
  }
  return connect === undefined ? undefined : pipeOf(connect);
}

function pipeOf({ input, output }: Connect): TransformPlace | undefined {
  const { namedOutputPipe } = input;
  const { namedInputPipe } = output;
  if (namedInputPipe !== undefined) {
    return place('connect.output.namedInputPipe', 'pipe', namedInputPipe, namedInputPipe.name);
  }
  if (namedOutputPipe === undefined) return undefined;
  return place('connect.input.namedOutputPipe', 'pipe', namedOutputPipe, namedOutputPipe.name);
}

function place(
  field: string,
  kind: TransformPlace['kind'],
  { volume }: { volume?: string },
  path?: string,
): TransformPlace {
  return { field, kind, volume: volume ?? temporaryVolumeName, path };
}

type Upload = NonNullable<
  GirderResultHook['girderUploadVolumePathToItem'] | GirderResultHook['girderUploadVolumePathToFolder']
>;

/** What a result hook uploads, whereto and when. */
export type ResultUpload = {
  /** The index of the hook. */
  readonly hook: number;
  /** The field that says so, such as `spec.girderResultHooks[0].girderUploadVolumePathToItem`. */
  readonly field: string;
  readonly upload: Upload;
  readonly to: { readonly itemId: string } | { readonly folderId: string };
  readonly volume: string;
  /** The file or directory of a volumePath, below the volume; absent for all that is in it. */
  readonly path: string | undefined;
} & Readonly<Pick<GirderResultHook, 'when' | 'optional'>>;

/** The uploads of a spec in the order of its hooks. */
export function resultUploadsOf(spec: DockerRunSpec): ResultUpload[] {
  return (spec.girderResultHooks ?? []).flatMap((given, hook): ResultUpload[] => {
    const {
      girderUploadVolumePathToItem: item,
      girderUploadVolumePathToFolder: folder,
      when,
      optional,
    } = given;
    const field = `spec.girderResultHooks[${hook}]`;
    const common = { hook, when, optional };
    if (item !== undefined) {
      const kind = `${field}.girderUploadVolumePathToItem`;
      const to = { itemId: item.itemId };
      return [{ ...common, field: kind, upload: item, to, ...placeNamed(spec, item.volumePath) }];
    }
    if (folder === undefined) return [];
    const kind = `${field}.girderUploadVolumePathToFolder`;
    const to = { folderId: folder.folderId };
    return [{ ...common, field: kind, upload: folder, to, ...placeNamed(spec, folder.volumePath) }];
  });
}

/** The place of a volumePath; any other name is that of a volume. */
function placeNamed(spec: DockerRunSpec, name: string): Pick<ResultUpload, 'volume' | 'path'> {
  const path = spec.transforms?.find((candidate) => candidate.name === name)?.volumePath;
  if (path === undefined) return { volume: name, path: undefined };
  return { volume: path.volume ?? temporaryVolumeName, path: path.filename };
}

/**
 * The names of the volumes that outlive a pod and in which its worker makes something: files, which it notes in a
 * journal there, or a whole directory. A worker that is killed leaves both.
 */
type JournalledVolumes = { readonly journalled: string[]; readonly directories: string[] };

/** Finds them in a spec; what a target itself puts into a volume is not meant. */
export function journalledVolumes({ volumes = [], transforms = [] }: DockerRunSpec): JournalledVolumes {
  const places = transforms.map(placeOf).filter((place) => place !== undefined);
  const filled = new Set(places.filter(({ kind }) => kind !== 'path').map(({ volume }) => volume));
  const journalled = volumes.filter(({ name, temporary }) => temporary === undefined && filled.has(name));
  const directories = volumes.filter(({ temporary }) => temporary?.hostDir !== undefined);
  return { journalled: journalled.map(({ name }) => name), directories: directories.map(({ name }) => name) };
}

/** A Secret that a run refers to, and which of its keys. */
type SecretKeys = { readonly name: string; readonly keys: readonly string[] };

/** The Secrets whose keys a run names one by one, always in the same order. */
export function secretKeysOf(spec: DockerRunSpec): SecretKeys[] {
  const secrets = new Map<string, Set<string>>();
  for (const { name, key } of referencesOf(spec)) {
    const keys = secrets.get(name) ?? new Set();
    secrets.set(name, keys.add(key));
  }
  return Array.from(secrets, ([name, keys]) => ({ name, keys: [...keys] }));
}

function referencesOf(spec: DockerRunSpec): SecretKeyReference[] {
  const headers = (spec.transforms ?? []).flatMap(
    ({ connect }) => connect?.output.chunkedTransferEncodingStream?.headers ?? [],
  );
  const values = [...(spec.env ?? []), ...headers].flatMap(({ valueFrom }) =>
    valueFrom === undefined ? [] : [valueFrom.secretKeyRef],
  );
  const token = spec.girder?.job?.tokenSecretRef;
  return token === undefined ? values : [...values, token];
}
