import { posix } from 'node:path';
import type { NamedValue, SecretKeyReference } from './fields.ts';
import type { GirderResultHook } from './hooks.ts';
import { defined } from './json-values.ts';
import { temporaryVolumeName } from './names.ts';
import { usedItemNames } from './references.ts';
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
  /** Where the target sees it as well, by a mount of its own. */
  readonly containerPath?: string;
};

/** Undefined for a transform without a path, such as a stream of the target's standard output. */
export function pathOf(transform: Transform): TransformPath | undefined {
  const {
    girderFileIdToVolume: file,
    girderItemIdToVolume: item,
    girderFolderIdToVolume: folder,
    girderMetadataToVolume: metadata,
  } = transform;
  if (file !== undefined) return transformPath('girderFileIdToVolume', 'download', file, file.filename);
  if (item !== undefined) return transformPath('girderItemIdToVolume', 'download', item);
  if (folder !== undefined) return transformPath('girderFolderIdToVolume', 'download', folder);
  if (metadata !== undefined)
    return transformPath('girderMetadataToVolume', 'download', metadata, metadata.filename);
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
  { volume, containerPath }: { volume?: string; containerPath?: string },
  path?: string,
): TransformPath {
  return { field, kind, volume: volume ?? temporaryVolumeName, path, ...defined({ containerPath }) };
}

/** A document in Girder as the spec names it. */
export type GirderReference =
  | { readonly id: string }
  | {
      readonly path: string;
      /** Whether folders of the path that do not exist are created. */
      readonly mayBeCreated: boolean;
    };

type Reference = {
  readonly fileId?: string;
  readonly itemId?: string;
  readonly folderId?: string;
  readonly path?: string;
  readonly createFolder?: boolean;
};

/** The schema lets a field of the spec have an id or a path. */
export function referenceOf({ fileId, itemId, folderId, path, createFolder }: Reference): GirderReference {
  const id = fileId ?? itemId ?? folderId;
  return id === undefined ? { path: path ?? '', mayBeCreated: createFolder === true } : { id };
}

/** A document in Girder that the run reads or writes. */
export type GirderUse = {
  readonly kind: 'file' | 'item' | 'folder';
  /** Another kind that a path may lead to. */
  readonly orKind?: 'item' | undefined;
  readonly to: GirderReference;
  readonly access: 'read' | 'write';
  /** What the document is read or written as. */
  readonly as: 'files' | 'metadata' | 'stream' | 'log';
  /** Whether the run continues without it. */
  readonly isOptional: boolean;
  /** For messages: `transform ct`, or the field of the spec. */
  readonly where: string;
  /** The name of a result that must not exist there yet, if the spec has it; that of a directory's file is not known. */
  readonly freeName?: string | undefined;
};

/** Every document in Girder that a spec names, but the job of the run, in the order of the spec. */
export function girderUsesOf(spec: DockerRunSpec): GirderUse[] {
  const uploads = resultUploadsOf(spec).map(({ kind, to, field, optional, upload, path }) => {
    const where = `${field}.${fieldOf(kind, to)}`;
    const name = upload.filename ?? (path === undefined ? undefined : posix.basename(path));
    const freeName = upload.ifExists === 'Fail' ? name : undefined;
    return { kind, to, access: 'write', as: 'files', isOptional: optional, where, freeName } as const;
  });
  return [...(spec.transforms ?? []).flatMap(usesOfTransform), ...uploads, ...usesOfLog(spec.girder?.log)];
}

type GirderLog = NonNullable<NonNullable<DockerRunSpec['girder']>['log']>;

function usesOfLog(log: GirderLog | undefined): GirderUse[] {
  if (log === undefined) return [];
  const to = referenceOf(log);
  const { kind, ...other } = eitherKind(log);
  const where = `spec.girder.log.${fieldOf(kind, to)}`;
  return [{ kind, ...other, to, access: 'write', as: 'log', isOptional: false, where }];
}

/** What a field of the spec names that takes an item or a folder. */
export function eitherKind({ itemId, folderId }: Pick<Reference, 'itemId' | 'folderId'>): {
  readonly kind: 'item' | 'folder';
  readonly orKind?: 'item';
} {
  if (itemId !== undefined) return { kind: 'item' };
  return folderId === undefined ? { kind: 'folder', orKind: 'item' } : { kind: 'folder' };
}

function fieldOf(kind: 'item' | 'folder', to: GirderReference): string {
  return 'id' in to ? `${kind}Id` : 'path';
}

function usesOfTransform(transform: Transform): GirderUse[] {
  const { name, girderFileIdToVolume: file, girderItemIdToVolume: item } = transform;
  const { girderFolderIdToVolume: folder, girderMetadataToVolume: metadata, connect } = transform;
  const stream = connect?.input.girderFileIdToStream;
  const read = { access: 'read', isOptional: false, where: `transform ${name}` } as const;
  const inputs = [
    ...(file === undefined ? [] : [{ kind: 'file', of: file, as: 'files' } as const]),
    ...(item === undefined ? [] : [{ kind: 'item', of: item, as: 'files' } as const]),
    ...(folder === undefined ? [] : [{ kind: 'folder', of: folder, as: 'files' } as const]),
    ...(metadata === undefined ? [] : [{ ...eitherKind(metadata), of: metadata, as: 'metadata' } as const]),
    ...(stream === undefined ? [] : [{ kind: 'file', of: stream, as: 'stream' } as const]),
  ].map(({ of, ...rest }) => ({ ...rest, ...read, to: referenceOf(of) }));
  const output = connect?.output.girderStreamToItem;
  if (output === undefined) return inputs;
  const to = referenceOf(output);
  const where = `spec.transforms: ${name}.connect.output.girderStreamToItem.${fieldOf('item', to)}`;
  const freeName = output.ifExists === 'Fail' ? output.filename : undefined;
  return [...inputs, { kind: 'item', to, access: 'write', as: 'stream', isOptional: false, where, freeName }];
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
  readonly kind: 'item' | 'folder';
  readonly to: GirderReference;
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
      const to = {
        kind: 'item',
        to: referenceOf(item),
        field: `${field}.girderUploadVolumePathToItem`,
      } as const;
      return [{ ...common, ...to, upload: item, ...placeNamed(spec, item.volumePath) }];
    }
    if (folder === undefined) return [];
    const to = { kind: 'folder', to: referenceOf(folder) } as const;
    const toFolder = { ...to, field: `${field}.girderUploadVolumePathToFolder` };
    return [{ ...common, ...toFolder, upload: folder, ...placeNamed(spec, folder.volumePath) }];
  });
}

/** The name is that of a volumePath, or else of a volume. */
function placeNamed(spec: DockerRunSpec, name: string): Pick<ResultUpload, 'volume' | 'path'> {
  const path = spec.transforms?.find((candidate) => candidate.name === name)?.volumePath;
  if (path === undefined) return { volume: name, path: undefined };
  const filename = path.filename === wholeVolume ? undefined : path.filename;
  return { volume: path.volume ?? temporaryVolumeName, path: filename };
}

/** The filename of a volumePath that is all of its volume. */
const wholeVolume = '.';

/** What of a run needs a volume to be a directory, for messages; undefined if it may be a file. */
export function directoryUseOf(spec: DockerRunSpec, volume: string): string | undefined {
  const user = (spec.transforms ?? []).find((transform) => pathOf(transform)?.volume === volume);
  if (user !== undefined) return `transform ${user.name}`;
  return resultUploadsOf(spec).find((upload) => upload.volume === volume)?.field;
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

/** An object of the namespace, and the keys of it that a run needs. */
type UsedKeys = { readonly name: string; readonly keys: readonly string[] };

/** The Secrets that a spec refers to by key, in a stable order: names of pod volumes contain the index. */
export function secretKeysOf(spec: DockerRunSpec): UsedKeys[] {
  const token = spec.girder?.job?.tokenSecretRef;
  const values = namedValuesOf(spec).flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []);
  const named = (spec.transforms ?? []).flatMap(({ secretKeyRef }) => secretKeyRef ?? []);
  return keysByName([...values, ...(token === undefined ? [] : [token]), ...named]);
}

/** The same for ConfigMaps. */
export function configMapKeysOf(spec: DockerRunSpec): UsedKeys[] {
  return keysByName(namedValuesOf(spec).flatMap(({ valueFrom }) => valueFrom?.configMapKeyRef ?? []));
}

function keysByName(references: readonly SecretKeyReference[]): UsedKeys[] {
  const objects = new Map<string, Set<string>>();
  for (const { name, key } of references) objects.set(name, (objects.get(name) ?? new Set()).add(key));
  return Array.from(objects, ([name, keys]) => ({ name, keys: [...keys] }));
}

/** All variables and headers. */
function namedValuesOf({ env = [], transforms = [] }: DockerRunSpec): NamedValue[] {
  const headers = transforms.flatMap(
    ({ connect }) => connect?.output.chunkedTransferEncodingStream?.headers ?? [],
  );
  return [...env, ...headers];
}

/** Whether a transform is a download that is the same for every input of forEach, so that it is done once. */
export function isSharedDownload(transform: Transform): boolean {
  return pathOf(transform)?.kind === 'download' && usedItemNames(transform).length === 0;
}

/**
 * The temporary volumes of a spec that hold such downloads. All inputs of forEach share them, so the target may only
 * read them.
 */
export function sharedVolumesOf({ volumes = [], transforms = [] }: DockerRunSpec): string[] {
  const shared = new Set(transforms.filter(isSharedDownload).map((one) => pathOf(one)?.volume));
  return volumes
    .filter(({ name, temporary }) => temporary !== undefined && shared.has(name))
    .map(({ name }) => name);
}
