import { posix } from 'node:path';
import type { GirderResultHook } from '../api/hooks.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import type { SharedVolume } from './setting.ts';
import { volumeNamed } from './volume-named.ts';

/** What to send after the target ended, and when to. */
export type HookStep = {
  /** Its index in the spec. */
  hook: number;
  /** The volumePath or volume that it uploads. */
  name: string;
  volume: SharedVolume;
  /** Below the volume; absent for all that is in it. */
  path: string | undefined;
  to: { itemId: string } | { folderId: string };
  options: HookOptions;
} & Pick<GirderResultHook, 'when' | 'optional'>;

/** How the files become files of Girder; metadata is what their items get. */
export type HookOptions = {
  filename: string | undefined;
  mimeType: string | undefined;
  reference: string | undefined;
  metadata: Readonly<Record<string, unknown>> | undefined;
  deleteFile: boolean;
};

/** The hooks of a valid spec with their places. Pure. */
export function hookStepsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[]): HookStep[] {
  return (spec.girderResultHooks ?? []).flatMap((hook, index): HookStep[] => {
    const { girderUploadVolumePathToItem: item, girderUploadVolumePathToFolder: folder } = hook;
    const upload = item ?? folder;
    if (upload === undefined) return [];
    const { volumePath: name, filename, mimeType, reference, metadata, deleteFile } = upload;
    const options = { filename, mimeType, reference, metadata, deleteFile };
    const to = item === undefined ? { folderId: folder?.folderId ?? '' } : { itemId: item.itemId };
    const { when, optional } = hook;
    return [{ hook: index, name, ...placeNamed(spec, volumes, name), to, options, when, optional }];
  });
}

/** Where in the target a step's file is, for messages. */
export function containerPathOf({ volume, path }: Pick<HookStep, 'volume' | 'path'>): string {
  return posix.join(volume.containerPath, path ?? '');
}

function placeNamed(
  spec: DockerRunSpec,
  volumes: readonly SharedVolume[],
  name: string,
): Pick<HookStep, 'volume' | 'path'> {
  const transform = spec.transforms?.find((candidate) => candidate.name === name)?.volumePath;
  if (transform === undefined) return { volume: volumeNamed(volumes, name), path: undefined };
  return { volume: volumeNamed(volumes, transform.volume), path: transform.filename };
}
