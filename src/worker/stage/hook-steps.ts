import { posix } from 'node:path';
import { type ResultUpload, resultUploadsOf } from '../../api/result-uploads.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { SharedVolume } from '../run-environment.ts';
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
  options: HookOptions;
} & Pick<ResultUpload, 'to' | 'when' | 'optional'>;

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
