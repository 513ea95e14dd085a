import { posix } from 'node:path';
import { temporaryVolumeName } from '../api/names.ts';
import { expandReferences } from '../api/references.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import type { BindMount } from '../docker/container-spec.ts';
import type { SharedVolume } from './setting.ts';

/** A file to fetch before the target starts, once for all the transforms that `names` lists. */
export type Download = {
  names: string[];
  fileId: string;
  volume: SharedVolume;
  filename: string | undefined;
};

/** A file to send after the target ended well. */
export type Upload = { hook: number; name: string; volume: SharedVolume; filename: string; itemId: string };

/** The work of a run in order, decided before any of it is done. */
export type Steps = { downloads: Download[]; uploads: Upload[]; mounts: BindMount[] };

/** Turns a spec that is valid (see validateSpec) into steps. Pure. */
export function stepsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[]): Steps {
  return {
    downloads: downloadsOf(spec, volumes),
    uploads: uploadsOf(spec, volumes),
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
  for (const { name, girderFileIdToVolume, volumePath } of spec.transforms ?? []) {
    const place = girderFileIdToVolume ?? volumePath;
    const relativePath = volumePath?.filename ?? downloaded.get(name);
    if (place === undefined || relativePath === undefined) continue;
    values.set(name, posix.join(volumeNamed(volumes, place.volume).containerPath, relativePath));
  }
  const expand = (texts: string[] | undefined) => texts?.map((text) => expandReferences(text, values));
  return { command: expand(spec.command), args: expand(spec.args) };
}

/** By directory rather than by volume, since two volumes can be one directory of the node. */
function downloadsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[]): Download[] {
  const downloads = new Map<string, Download>();
  for (const { name, girderFileIdToVolume: file } of spec.transforms ?? []) {
    if (file === undefined) continue;
    const { fileId, filename } = file;
    const volume = volumeNamed(volumes, file.volume);
    const place = JSON.stringify([volume.hostPath, fileId, filename]);
    const same = downloads.get(place);
    if (same === undefined) downloads.set(place, { names: [name], fileId, volume, filename });
    else same.names.push(name);
  }
  return [...downloads.values()];
}

function uploadsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[]): Upload[] {
  return (spec.girderResultHooks ?? []).flatMap(({ girderUploadVolumePathToItem: upload }, hook) => {
    const path = spec.transforms?.find(({ name }) => name === upload?.volumePath)?.volumePath;
    if (upload === undefined || path === undefined) return [];
    const { volumePath: name, itemId } = upload;
    return [{ hook, name, itemId, volume: volumeNamed(volumes, path.volume), filename: path.filename }];
  });
}

function mountsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[]): BindMount[] {
  return [
    ...volumes.map(({ hostPath, containerPath, readOnly }): BindMount => ({
      type: 'bind',
      source: hostPath,
      target: containerPath,
      readOnly,
    })),
    ...Object.entries(spec.dockerVolumes ?? {}).map(([source, { bind, mode }]): BindMount => ({
      type: 'bind',
      source,
      target: bind,
      readOnly: mode === 'ro',
    })),
  ];
}

function volumeNamed(volumes: readonly SharedVolume[], name = temporaryVolumeName): SharedVolume {
  const volume = volumes.find((candidate) => candidate.name === name);
  if (volume === undefined) throw new TypeError(`no volume is named ${name}`);
  return volume;
}
