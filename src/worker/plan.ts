import { posix } from 'node:path';
import type { NamedValue } from '../api/fields.ts';
import type { IfExists } from '../api/hooks.ts';
import { defined } from '../api/json-values.ts';
import { temporaryVolumeName } from '../api/names.ts';
import {
  eitherKind,
  type GirderReference,
  pathOf,
  referenceOf,
  type ResultUpload,
  resultUploadsOf,
} from '../api/spec-usage.ts';
import { expandReferences } from '../api/references.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import type { Connect, Transform } from '../api/transforms.ts';
import { containerPathOfVolume } from '../api/volumes.ts';
import type { BindMount } from '../docker/create/container-spec.ts';
import type { MetadataOwner } from '../girder/download/download.ts';
import type { FoundPlace, FoundPlaces, NewFolder } from '../girder/lookup.ts';
import type { LinkChoice } from '../girder/upload/upload-path.ts';
import type { UploadPlace } from '../girder/upload/upload-tree.ts';
import type { RunError } from '../support/errors.ts';
import { type DockerVolumes, mountsOf, type SharedVolume } from './run-environment.ts';

/** The work of a run, planned before any of it is done. */
export type Steps = {
  downloads: Download[];
  streams: StreamSteps;
  hooks: HookStep[];
  mounts: BindMount[];
  log?: LogStep;
};

/** A download before the target starts; one download can serve several transforms (`names`). */
export type Download = { names: string[]; volume: SharedVolume; source: DownloadSource };

export type DownloadSource =
  | { kind: 'file'; fileId: string; filename: string | undefined }
  | { kind: 'item'; itemId: string }
  | { kind: 'folder'; folderId: string; folderName: string | undefined }
  | { kind: 'metadata'; of: MetadataOwner; filename: string | undefined };

/** A bare pipe is only created by the run: another program that shares the volume opens its other end. */
export type StreamSteps = {
  inputs: InputStep[];
  outputs: OutputStep[];
  barePipes: PipePlace[];
  /** Whether the target's stdout has tags of Slicer that become progress. */
  readsSlicerTags?: boolean;
};

/** `path` is relative to the volume. */
export type PipePlace = { volume: SharedVolume; path: string };

/** A file of Girder that the target reads from a pipe. */
type InputStep = { name: string; pipe: PipePlace; fileId: string };

/** A stream that the target writes, to a pipe or to its stdout or stderr. */
export type OutputStep = { name: string; source: PipePlace | 'stdout' | 'stderr'; to: OutputTo };

/** The log, the progress in the report, a server, or a file of an item. */
export type OutputTo =
  | { kind: 'stdout' | 'stderr' | 'progress' }
  | { kind: 'post'; url: string; headers: readonly NamedValue[] }
  | { kind: 'item'; item: StreamedItem };

type StreamedItem = Omit<NonNullable<Connect['output']['girderStreamToItem']>, 'path'> & { itemId: string };

/** An upload after the target has ended. */
export type HookStep = {
  /** Its index in `spec.girderResultHooks`. */
  hook: number;
  /** The volumePath or volume that it uploads. */
  name: string;
  volume: SharedVolume;
  /** Relative to the volume; undefined for the whole volume. */
  path: string | undefined;
  to: HookPlace;
  options: HookOptions;
} & Pick<ResultUpload, 'when' | 'optional'>;

/** Where the output of the target becomes a file of Girder. */
export type LogStep = { to: HookPlace; when: 'Always' | 'OnFailure' };

/** A folder that is created right before the upload, or why an optional hook has no place, if it has none. */
export type HookPlace = UploadPlace | { newFolder: NewFolder } | { problem: RunError };

/** `metadata` is set on the items of the uploaded files. */
type HookOptions = {
  filename: string | undefined;
  mimeType: string | undefined;
  reference: string | undefined;
  metadata: Readonly<Record<string, unknown>> | undefined;
  metadataFile?: string | undefined;
  deleteFile: boolean;
  ifExists: IfExists;
  links: LinkChoice;
};

/** Pure. The spec must be valid (see validateSpec); `found` has what every path of it leads to in Girder. */
export function planRun(
  spec: DockerRunSpec,
  volumes: readonly SharedVolume[],
  dockerVolumes?: DockerVolumes,
  found: FoundPlaces = new Map(),
): Steps {
  return {
    downloads: downloadsOf(spec, volumes, found),
    streams: streamsOf(spec, volumes, found),
    hooks: hooksOf(spec, volumes, found),
    mounts: mountsOf(spec, volumes, dockerVolumes),
    ...logOf(spec, found),
  };
}

type ExpandedTexts = { readonly [Field in 'command' | 'args' | 'env']: DockerRunSpec[Field] | undefined };

/**
 * The command, the arguments and the values of variables with every `$(name)` replaced. What a Secret or ConfigMap
 * holds stays as it is.
 * @param downloaded paths relative to the volume, by the name of the transform
 * @param more what other names stand for; it is not expanded again
 */
export function expandTexts(
  spec: DockerRunSpec,
  volumes: readonly SharedVolume[],
  downloaded: ReadonlyMap<string, string>,
  more: ReadonlyMap<string, string> = new Map(),
): ExpandedTexts {
  const values = new Map([...more, ...pathsOf(spec, volumes, downloaded)]);
  const expand = (texts: string[] | undefined) => texts?.map((text) => expandReferences(text, values));
  return {
    command: expand(spec.command),
    args: expand(spec.args),
    env: spec.env?.map(({ value, ...rest }) =>
      value === undefined ? rest : { ...rest, value: expandReferences(value, values) },
    ),
  };
}

/** What each volume and each transform with a path stands for: its path in the target. */
function pathsOf(
  spec: DockerRunSpec,
  volumes: readonly SharedVolume[],
  downloaded: ReadonlyMap<string, string>,
): Map<string, string> {
  const places = new Map([
    ...(spec.volumes ?? []).map((volume) => [volume.name, containerPathOfVolume(volume)] as const),
    ...volumes.map((volume) => [volume.name, volume.containerPath] as const),
  ]);
  const values = new Map(places);
  for (const transform of spec.transforms ?? []) {
    const transformPath = pathOf(transform);
    const path = transformPath?.kind === 'download' ? downloaded.get(transform.name) : transformPath?.path;
    if (transformPath === undefined || path === undefined) continue;
    const inVolume = posix.join(places.get(transformPath.volume) ?? '/', path);
    values.set(transform.name, transformPath.containerPath ?? inVolume);
  }
  return values;
}

/** A file or directory of a volume that the target sees at a path of its own as well. */
export type OwnMount = { name: string; volume: SharedVolume; path: string; containerPath: string };

/** Pure. `downloaded` as that of {@link expandTexts}. */
export function ownMountsOf(
  { transforms = [] }: DockerRunSpec,
  volumes: readonly SharedVolume[],
  downloaded: ReadonlyMap<string, string>,
): OwnMount[] {
  return transforms.flatMap((transform) => {
    const { kind, volume, path: given, containerPath } = pathOf(transform) ?? {};
    const path = kind === 'download' ? downloaded.get(transform.name) : given;
    if (containerPath === undefined || path === undefined) return [];
    return [{ name: transform.name, volume: volumeNamed(volumes, volume), path, containerPath }];
  });
}

/** Grouped by directory and not by volume, because two volumes can be the same directory on the node. */
function downloadsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[], found: FoundPlaces): Download[] {
  const downloads = new Map<string, Download>();
  for (const transform of spec.transforms ?? []) {
    const source = sourceOf(transform, found);
    if (source === undefined) continue;
    const volume = volumeNamed(volumes, pathOf(transform)?.volume);
    const destination = JSON.stringify([volume.hostPath, source]);
    const same = downloads.get(destination);
    if (same === undefined) downloads.set(destination, { names: [transform.name], volume, source });
    else same.names.push(transform.name);
  }
  return [...downloads.values()];
}

function sourceOf(transform: Transform, found: FoundPlaces): DownloadSource | undefined {
  const {
    girderFileIdToVolume: file,
    girderItemIdToVolume: item,
    girderFolderIdToVolume: folder,
    girderMetadataToVolume: metadata,
  } = transform;
  if (file !== undefined) return { kind: 'file', fileId: idOf(file, found), filename: file.filename };
  if (item !== undefined) return { kind: 'item', itemId: idOf(item, found) };
  if (folder !== undefined)
    return { kind: 'folder', folderId: idOf(folder, found), folderName: folder.folderName };
  if (metadata === undefined) return undefined;
  return { kind: 'metadata', of: ownerOf(metadata, found), filename: metadata.filename };
}

/** A path may lead to either kind. */
function ownerOf(metadata: Parameters<typeof eitherKind>[0], found: FoundPlaces): MetadataOwner {
  const place = placeOf(referenceOf(metadata), found);
  if (!('id' in place)) throw new TypeError('the path of an input has no id');
  const kind = place.kind === 'item' ? 'item' : eitherKind(metadata).kind;
  return { kind, id: place.id };
}

function idOf(place: Parameters<typeof referenceOf>[0], found: FoundPlaces): string {
  const to = placeOf(referenceOf(place), found);
  if ('id' in to) return to.id;
  throw new TypeError(`the path ${place.path} has no id`);
}

function placeOf(to: GirderReference, found: FoundPlaces): FoundPlace {
  const place = 'id' in to ? to : found.get(to.path);
  if (place === undefined) throw new TypeError('a path of the spec was not looked up');
  return place;
}

/** The paths that the run itself put into its volumes, relative to the volume; each with all below it. */
export type InputPaths = ReadonlyMap<SharedVolume, ReadonlySet<string>>;

/** Pure. A download without a filename counts with its whole directory, which is named by its id. */
export function inputPathsOf(
  downloads: readonly Download[],
  downloaded: ReadonlyMap<string, string>,
): InputPaths {
  const paths = new Map<SharedVolume, Set<string>>();
  for (const { names, volume, source } of downloads) {
    const path = downloaded.get(names[0] ?? '');
    if (path === undefined) continue;
    const isNamed = 'filename' in source && source.filename !== undefined;
    const own = paths.get(volume) ?? new Set();
    paths.set(volume, own.add(isNamed ? path : (path.split('/')[0] ?? path)));
  }
  return paths;
}

/** A stream exists even if no argument refers to it. */
function streamsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[], found: FoundPlaces): StreamSteps {
  const steps: StreamSteps = { inputs: [], outputs: [], barePipes: [] };
  for (const transform of spec.transforms ?? []) {
    const pipe = pipeOf(transform, volumes);
    const { name, connect } = transform;
    if (connect !== undefined) addConnect(steps, { name, connect, pipe }, found);
    else if (pipe !== undefined && transform.progressPipe !== undefined) {
      steps.outputs.push({ name, source: pipe, to: { kind: 'progress' } });
    } else if (pipe !== undefined) steps.barePipes.push(pipe);
  }
  return steps;
}

function pipeOf(transform: Transform, volumes: readonly SharedVolume[]): PipePlace | undefined {
  const transformPath = pathOf(transform);
  if (transformPath?.kind !== 'pipe' || transformPath.path === undefined) return undefined;
  return { volume: volumeNamed(volumes, transformPath.volume), path: transformPath.path };
}

function addConnect(
  steps: StreamSteps,
  { name, connect, pipe }: { name: string; connect: Connect; pipe: PipePlace | undefined },
  found: FoundPlaces,
): void {
  const { input, output } = connect;
  if (input.girderFileIdToStream !== undefined && pipe !== undefined) {
    steps.inputs.push({ name, pipe, fileId: idOf(input.girderFileIdToStream, found) });
    return;
  }
  if (output.slicerProgress !== undefined) {
    steps.readsSlicerTags = true;
    return;
  }
  const source = pipe ?? (input.containerStdErr === undefined ? 'stdout' : 'stderr');
  steps.outputs.push({ name, source, to: outputTo(output, found) });
}

function outputTo(output: Connect['output'], found: FoundPlaces): OutputTo {
  const { chunkedTransferEncodingStream: post, girderStreamToItem: item } = output;
  if (post !== undefined) return { kind: 'post', url: post.url, headers: post.headers ?? [] };
  if (item !== undefined) {
    const { path: _, ...rest } = item;
    return { kind: 'item', item: { ...rest, itemId: idOf(item, found) } };
  }
  return { kind: output.hostStdErr === undefined ? 'stdout' : 'stderr' };
}

function hooksOf(spec: DockerRunSpec, volumes: readonly SharedVolume[], found: FoundPlaces): HookStep[] {
  return resultUploadsOf(spec).map(({ hook, upload, volume, path, when, optional, ...destination }) => {
    const {
      volumePath: name,
      filename,
      mimeType,
      reference,
      metadata,
      metadataFile,
      deleteFile,
      ifExists,
      links = 'Fail',
    } = upload;
    const traits = { filename, mimeType, reference, metadata, deleteFile, ifExists, links };
    const options = { ...traits, ...defined({ metadataFile }) };
    const to = hookPlace(destination, found);
    return { hook, name, volume: volumeNamed(volumes, volume), path, to, options, when, optional };
  });
}

function logOf({ girder }: DockerRunSpec, found: FoundPlaces): { log?: LogStep } {
  if (girder?.log === undefined) return {};
  const { itemId, when } = girder.log;
  const kind = itemId === undefined ? 'folder' : 'item';
  return { log: { to: hookPlace({ kind, to: referenceOf(girder.log) }, found), when } };
}

function hookPlace({ kind, to }: Pick<ResultUpload, 'kind' | 'to'>, found: FoundPlaces): HookPlace {
  const place = placeOf(to, found);
  if (!('id' in place)) return place;
  return (place.kind ?? kind) === 'item' ? { itemId: place.id } : { folderId: place.id };
}

/** The path of a step's file as the target sees it, for messages. */
export function containerPathOf({ volume, path }: Pick<HookStep, 'volume' | 'path'>): string {
  return posix.join(volume.containerPath, path ?? '');
}

/** Without a name: the temporary volume that every run has. */
function volumeNamed(volumes: readonly SharedVolume[], name = temporaryVolumeName): SharedVolume {
  const volume = volumes.find((candidate) => candidate.name === name);
  if (volume === undefined) throw new TypeError(`no volume is named ${name}`);
  return volume;
}
