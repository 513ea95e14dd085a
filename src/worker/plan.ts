import { posix } from 'node:path';
import type { NamedValue } from '../api/fields.ts';
import { temporaryVolumeName } from '../api/names.ts';
import { placeOf, type ResultUpload, resultUploadsOf } from '../api/spec-usage.ts';
import { expandReferences } from '../api/references.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import type { Connect, Transform } from '../api/transforms.ts';
import type { BindMount } from '../docker/create/container-spec.ts';
import type { SharedVolume } from './run-environment.ts';

/** The work of a run in order, decided before any of it is done. */
export type Steps = {
  downloads: Download[];
  streams: StreamSteps;
  hooks: HookStep[];
  mounts: BindMount[];
};

/** What to fetch before the target starts, once for all the transforms that `names` lists. */
export type Download = { names: string[]; volume: SharedVolume; source: DownloadSource };

/** Where it comes from, and the name it gets. */
export type DownloadSource =
  | { kind: 'file'; fileId: string; filename: string | undefined }
  | { kind: 'item'; itemId: string }
  | { kind: 'folder'; folderId: string; folderName: string | undefined };

/** The streams of a run; a bare pipe is connected by others with whom the target shares its volume. */
export type StreamSteps = { inputs: InputStep[]; outputs: OutputStep[]; barePipes: PipePlace[] };

/** Where a named pipe is made. */
export type PipePlace = { volume: SharedVolume; path: string };

/** A file of Girder that the target reads from a pipe. */
type InputStep = { name: string; pipe: PipePlace; fileId: string };

/** What the target writes, into a pipe or as its output, and where that goes. */
export type OutputStep = { name: string; source: PipePlace | 'stdout' | 'stderr'; to: OutputTo };

/** Where what the target writes goes: the log, its progress, a server, or a file of an item. */
export type OutputTo =
  | { kind: 'stdout' | 'stderr' | 'progress' }
  | { kind: 'post'; url: string; headers: readonly NamedValue[] }
  | { kind: 'item'; item: NonNullable<Connect['output']['girderStreamToItem']> };

/** What to send after the target ended, and when to. */
export type HookStep = {
  /** Its index in the spec. */
  hook: number;
  /** The volumePath or volume that it uploads. */
  name: string;
  volume: SharedVolume;
  /** Below the volume; absent for all that is in it. */
  path: string | undefined;
  options: HookOptions;
} & Pick<ResultUpload, 'to' | 'when' | 'optional'>;

/** How the files become files of Girder; metadata is what their items get. */
type HookOptions = {
  filename: string | undefined;
  mimeType: string | undefined;
  reference: string | undefined;
  metadata: Readonly<Record<string, unknown>> | undefined;
  deleteFile: boolean;
};

/** Plans the steps of a spec that is valid (see validateSpec). Pure. */
export function planRun(spec: DockerRunSpec, volumes: readonly SharedVolume[]): Steps {
  return {
    downloads: downloadsOf(spec, volumes),
    streams: streamsOf(spec, volumes),
    hooks: hooksOf(spec, volumes),
    mounts: mountsOf(spec, volumes),
  };
}

/** The command and arguments with every `$(name)` replaced; `downloaded` are paths in volumes by transform. */
export function expandArguments(
  spec: DockerRunSpec,
  volumes: readonly SharedVolume[],
  downloaded: ReadonlyMap<string, string>,
): { command: string[] | undefined; args: string[] | undefined } {
  const values = new Map(volumes.map((volume) => [volume.name, volume.containerPath]));
  for (const transform of spec.transforms ?? []) {
    const place = placeOf(transform);
    const path = place?.kind === 'download' ? downloaded.get(transform.name) : place?.path;
    if (place === undefined || path === undefined) continue;
    values.set(transform.name, posix.join(volumeNamed(volumes, place.volume).containerPath, path));
  }
  const expand = (texts: string[] | undefined) => texts?.map((text) => expandReferences(text, values));
  return { command: expand(spec.command), args: expand(spec.args) };
}

/** By directory rather than by volume, since two volumes can be one directory of the node. */
function downloadsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[]): Download[] {
  const downloads = new Map<string, Download>();
  for (const transform of spec.transforms ?? []) {
    const source = sourceOf(transform);
    if (source === undefined) continue;
    const volume = volumeNamed(volumes, placeOf(transform)?.volume);
    const place = JSON.stringify([volume.hostPath, source]);
    const same = downloads.get(place);
    if (same === undefined) downloads.set(place, { names: [transform.name], volume, source });
    else same.names.push(transform.name);
  }
  return [...downloads.values()];
}

function sourceOf(transform: Transform): DownloadSource | undefined {
  const {
    girderFileIdToVolume: file,
    girderItemIdToVolume: item,
    girderFolderIdToVolume: folder,
  } = transform;
  if (file !== undefined) return { kind: 'file', fileId: file.fileId, filename: file.filename };
  if (item !== undefined) return { kind: 'item', itemId: item.itemId };
  if (folder === undefined) return undefined;
  return { kind: 'folder', folderId: folder.folderId, folderName: folder.folderName };
}

/** What the run itself put into its volumes: paths below each of them, with everything below these. */
export type InputPaths = ReadonlyMap<SharedVolume, ReadonlySet<string>>;

/** Of a download without a filename, which has the directory of its id for itself, the whole directory. Pure. */
export function inputPathsOf(
  downloads: readonly Download[],
  downloaded: ReadonlyMap<string, string>,
): InputPaths {
  const paths = new Map<SharedVolume, Set<string>>();
  for (const { names, volume, source } of downloads) {
    const path = downloaded.get(names[0] ?? '');
    if (path === undefined) continue;
    const isNamed = source.kind === 'file' && source.filename !== undefined;
    const own = paths.get(volume) ?? new Set();
    paths.set(volume, own.add(isNamed ? path : (path.split('/')[0] ?? path)));
  }
  return paths;
}

/** A stream is there whether or not an argument names it. */
function streamsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[]): StreamSteps {
  const steps: StreamSteps = { inputs: [], outputs: [], barePipes: [] };
  for (const transform of spec.transforms ?? []) {
    const pipe = pipeOf(transform, volumes);
    const { name, connect } = transform;
    if (connect !== undefined) addConnect(steps, { name, connect, pipe });
    else if (pipe !== undefined && transform.progressPipe !== undefined) {
      steps.outputs.push({ name, source: pipe, to: { kind: 'progress' } });
    } else if (pipe !== undefined) steps.barePipes.push(pipe);
  }
  return steps;
}

function pipeOf(transform: Transform, volumes: readonly SharedVolume[]): PipePlace | undefined {
  const place = placeOf(transform);
  if (place?.kind !== 'pipe' || place.path === undefined) return undefined;
  return { volume: volumeNamed(volumes, place.volume), path: place.path };
}

function addConnect(
  steps: StreamSteps,
  { name, connect, pipe }: { name: string; connect: Connect; pipe: PipePlace | undefined },
): void {
  const { input, output } = connect;
  if (input.girderFileIdToStream !== undefined && pipe !== undefined) {
    steps.inputs.push({ name, pipe, fileId: input.girderFileIdToStream.fileId });
    return;
  }
  const source = pipe ?? (input.containerStdErr === undefined ? 'stdout' : 'stderr');
  steps.outputs.push({ name, source, to: outputTo(output) });
}

function outputTo(output: Connect['output']): OutputTo {
  const { chunkedTransferEncodingStream: post, girderStreamToItem: item } = output;
  if (post !== undefined) return { kind: 'post', url: post.url, headers: post.headers ?? [] };
  if (item !== undefined) return { kind: 'item', item };
  return { kind: output.hostStdErr === undefined ? 'stdout' : 'stderr' };
}

function hooksOf(spec: DockerRunSpec, volumes: readonly SharedVolume[]): HookStep[] {
  return resultUploadsOf(spec).map(({ hook, upload, to, volume, path, when, optional }) => {
    const { volumePath: name, filename, mimeType, reference, metadata, deleteFile } = upload;
    const options = { filename, mimeType, reference, metadata, deleteFile };
    return { hook, name, volume: volumeNamed(volumes, volume), path, to, options, when, optional };
  });
}

/** Where in the target a step's file is, for messages. */
export function containerPathOf({ volume, path }: Pick<HookStep, 'volume' | 'path'>): string {
  return posix.join(volume.containerPath, path ?? '');
}

function mountsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[]): BindMount[] {
  return [
    ...volumes.map(({ hostPath, containerPath, readOnly, configuredBy }): BindMount => ({
      type: 'bind',
      source: hostPath,
      target: containerPath,
      readOnly,
      configuredBy,
    })),
    ...Object.entries(spec.dockerVolumes ?? {}).map(([source, { bind, mode }]): BindMount => ({
      type: 'bind',
      source,
      target: bind,
      readOnly: mode === 'ro',
      configuredBy: 'spec.dockerVolumes',
    })),
  ];
}

/** The volume of that name; the one that every run has when there is no name. */
function volumeNamed(volumes: readonly SharedVolume[], name = temporaryVolumeName): SharedVolume {
  const volume = volumes.find((candidate) => candidate.name === name);
  if (volume === undefined) throw new TypeError(`no volume is named ${name}`);
  return volume;
}
