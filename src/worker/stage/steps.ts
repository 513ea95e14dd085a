import { posix } from 'node:path';
import { placeOf } from '../../api/places.ts';
import { expandReferences } from '../../api/references.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { Transform } from '../../api/transforms.ts';
import type { BindMount } from '../../docker/create/container-spec.ts';
import { type HookStep, hookStepsOf } from './hook-steps.ts';
import type { SharedVolume } from '../run-environment.ts';
import { type StreamSteps, streamStepsOf } from '../streams/steps.ts';
import { volumeNamed } from './volume-named.ts';

/** What to fetch before the target starts, once for all the transforms that `names` lists. */
export type Download = { names: string[]; volume: SharedVolume; source: DownloadSource };

/** Where it comes from, and the name it gets. */
export type DownloadSource =
  | { kind: 'file'; fileId: string; filename: string | undefined }
  | { kind: 'item'; itemId: string }
  | { kind: 'folder'; folderId: string; folderName: string | undefined };

/** The work of a run in order, decided before any of it is done. */
export type Steps = {
  downloads: Download[];
  streams: StreamSteps;
  hooks: HookStep[];
  mounts: BindMount[];
};

/** Turns a spec that is valid (see validateSpec) into steps. Pure. */
export function stepsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[]): Steps {
  return {
    downloads: downloadsOf(spec, volumes),
    streams: streamStepsOf(spec, volumes),
    hooks: hookStepsOf(spec, volumes),
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
