import type { NamedValue } from '../../api/fields.ts';
import { placeOf } from '../../api/places.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { Connect, Transform } from '../../api/transforms.ts';
import type { SharedVolume } from '../run-environment.ts';
import { volumeNamed } from '../stage/volume-named.ts';

/** Where a named pipe is made. */
export type PipePlace = { volume: SharedVolume; path: string };

/** A file of Girder that the target reads from a pipe. */
export type InputStep = { name: string; pipe: PipePlace; fileId: string };

/** What the target writes, into a pipe or as its output, and where that goes. */
export type OutputStep = { name: string; source: PipePlace | 'stdout' | 'stderr'; to: OutputTo };

/** Where what the target writes goes: the log, its progress, a server, or a file of an item. */
export type OutputTo =
  | { kind: 'stdout' | 'stderr' | 'progress' }
  | { kind: 'post'; url: string; headers: readonly NamedValue[] }
  | { kind: 'item'; item: NonNullable<Connect['output']['girderStreamToItem']> };

/** The streams of a run; a bare pipe is connected by others with whom the target shares its volume. */
export type StreamSteps = { inputs: InputStep[]; outputs: OutputStep[]; barePipes: PipePlace[] };

/** The streams that the transforms of a valid spec describe, whether or not an argument names them. Pure. */
export function streamStepsOf(spec: DockerRunSpec, volumes: readonly SharedVolume[]): StreamSteps {
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
