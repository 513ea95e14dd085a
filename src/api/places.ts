import { temporaryVolumeName } from './names.ts';
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
