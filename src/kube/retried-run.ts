import { isRecord } from '../api/json-values.ts';
import { apiVersion, kind, labels, labelValue, queueLabelsOf } from '../api/names.ts';
import { type Phase, isTerminalPhase } from '../api/status.ts';
import { recordAt, textAt } from './json.ts';

/** Why a DockerRun cannot be tried again: it has not ended, or it is a chunk, whose set does that. */
export type RetryObstacle = 'NotEnded' | 'Chunk';

export function retryObstacle(run: unknown): RetryObstacle | undefined {
  const phase = textAt(recordAt(run, 'status'), 'phase') as Phase | undefined;
  if (!isTerminalPhase(phase)) return 'NotEnded';
  return recordAt(run, 'spec')['forEach'] === undefined ? undefined : 'Chunk';
}

/** The characters of the old name that the new one begins with. */
const longestStem = 50;

/**
 * A DockerRun to create with the spec of another one, which stays. Labels of tools that own the first one are not
 * copied, and neither is its Girder job, which Girder cannot open again.
 */
export function retriedRun(run: unknown): Readonly<Record<string, unknown>> {
  const metadata = recordAt(run, 'metadata');
  const name = textAt(metadata, 'name') ?? '';
  const { cancel: _cancel, suspend: _suspend, girder, ...spec } = recordAt(run, 'spec');
  const { job: _job, ...otherGirder } = isRecord(girder) ? girder : {};
  const stem = name.slice(0, longestStem).replace(/[^a-z0-9]+$/, '');
  const own = Object.entries(recordAt(metadata, 'labels')).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return {
    apiVersion,
    kind,
    metadata: {
      generateName: textAt(metadata, 'generateName') ?? `${stem}-`,
      namespace: textAt(metadata, 'namespace'),
      labels: { ...queueLabelsOf(Object.fromEntries(own)), [labels.retryOf]: labelValue(name) },
    },
    spec: { ...spec, ...(Object.keys(otherGirder).length === 0 ? {} : { girder: otherGirder }) },
  };
}
