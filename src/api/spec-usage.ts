import type { SecretKeyReference } from './fields.ts';
import type { GirderResultHook } from './hooks.ts';
import { temporaryVolumeName } from './names.ts';
import type { DockerRunSpec } from './spec.ts';
import type { Connect, Transform } from './transforms.ts';

/** The path in a volume that the name of a transform stands for. */
export type TransformPath = {
  /** The field of the transform, such as `connect.output.namedInputPipe`. */
  readonly field: string;
  readonly volume: string;
  /** Relative to the volume; undefined when it depends on a name in Girder. */
  readonly path: string | undefined;
  /** The worker creates a `download` or a `pipe`; a `path` belongs to the target. */
  readonly kind: 'download' | 'pipe' | 'path';
};

/** Undefined for a transform without a path, such as a stream of the target's standard output. */
export function pathOf(transform: Transform): TransformPath | undefined {
  const {
    girderFileIdToVolume: file,
    girderItemIdToVolume: item,
    girderFolderIdToVolume: folder,
  } = transform;
  if (file !== undefined) return transformPath('girderFileIdToVolume', 'download', file, file.filename);
  if (item !== undefined) return transformPath('girderItemIdToVolume', 'download', item);
  if (folder !== undefined) return transformPath('girderFolderIdToVolume', 'download', folder);
  const { volumePath, progressPipe, namedInputPipe, namedOutputPipe, connect } = transform;
  if (volumePath !== undefined) return transformPath('volumePath', 'path', volumePath, volumePath.filename);
  if (progressPipe !== undefined)
    return transformPath('progressPipe', 'pipe', progressPipe, progressPipe.name);
  if (namedInputPipe !== undefined)
    return transformPath('namedInputPipe', 'pipe', namedInputPipe, namedInputPipe.name);
  if (namedOutputPipe !== undefined) {
    return transformPath('namedOutputPipe', 'pipe', namedOutputPipe, namedOutputPipe.name);
  }
  return connect === undefined ? undefined : pipeOf(connect);
}

function pipeOf({ input, output }: Connect): TransformPath | undefined {
  const { namedOutputPipe } = input;
  const { namedInputPipe } = output;
  if (namedInputPipe !== undefined) {
    return transformPath('connect.output.namedInputPipe', 'pipe', namedInputPipe, namedInputPipe.name);
  }
  if (namedOutputPipe === undefined) return undefined;
  return transformPath('connect.input.namedOutputPipe', 'pipe', namedOutputPipe, namedOutputPipe.name);
}

function transformPath(
  field: string,
  kind: TransformPath['kind'],
  { volume }: { volume?: string },
  path?: string,
): TransformPath {
  return { field, kind, volume: volume ?? temporaryVolumeName, path };
}

type Upload = NonNullable<
  GirderResultHook['girderUploadVolumePathToItem'] | GirderResultHook['girderUploadVolumePathToFolder']
>;

export type ResultUpload = {
  /** The index in `spec.girderResultHooks`. */
  readonly hook: number;
  /** The path of the field, such as `spec.girderResultHooks[0].girderUploadVolumePathToItem`. */
  readonly field: string;
  readonly upload: Upload;
  readonly to: { readonly itemId: string } | { readonly folderId: string };
  readonly volume: string;
  /** The file or directory of a volumePath, relative to the volume; undefined for the whole volume. */
  readonly path: string | undefined;
} & Readonly<Pick<GirderResultHook, 'when' | 'optional'>>;

/** In the order of the hooks. */
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

/** The name is that of a volumePath, or else of a volume. */
function placeNamed(spec: DockerRunSpec, name: string): Pick<ResultUpload, 'volume' | 'path'> {
  const path = spec.transforms?.find((candidate) => candidate.name === name)?.volumePath;
  if (path === undefined) return { volume: name, path: undefined };
  return { volume: path.volume ?? temporaryVolumeName, path: path.filename };
}

type JournalledVolumes = { readonly journalled: string[]; readonly directories: string[] };

/**
 * The volumes that outlive a pod and to which its worker writes, so that a killed worker leaves data there:
 * in `journalled` files that a journal lists, in `directories` a whole directory. Every writable claim is
 * journalled, because the worker puts a file there to check that the engine mounts the same directory.
 */
export function journalledVolumes({ volumes = [], transforms = [] }: DockerRunSpec): JournalledVolumes {
  const paths = transforms.map(pathOf).filter((path) => path !== undefined);
  const filled = new Set(paths.filter(({ kind }) => kind !== 'path').map(({ volume }) => volume));
  const journalled = volumes.filter(
    ({ name, temporary, persistentVolumeClaim: claim }) =>
      temporary === undefined && (filled.has(name) || claim?.readOnly === false),
  );
  const directories = volumes.filter(({ temporary }) => temporary?.hostDir !== undefined);
  return { journalled: journalled.map(({ name }) => name), directories: directories.map(({ name }) => name) };
}

type SecretKeys = { readonly name: string; readonly keys: readonly string[] };

/** The Secrets that a spec refers to by key, in a stable order: names of pod volumes contain the index. */
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
