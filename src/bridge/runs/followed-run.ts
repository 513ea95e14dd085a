import { numberAt, recordAt, textAt } from '../../kube/json.ts';
import { bridgeAnnotations } from '../bridge-names.ts';
import { factAnnotations } from '../translate/run-facts.ts';
import { longestNotes } from './run-writer.ts';

/** What the bridge keeps of a DockerRun of its own. Times are in milliseconds since 1970. */
export type FollowedRun = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly taskId: string;
  readonly createdAt: number;
  /** Where its Girder job is; undefined for a task without one. */
  readonly job: { readonly id: string; readonly secret: { name: string; key: string } } | undefined;
  readonly notes: readonly string[];
  readonly notBefore: number | undefined;
  readonly isReported: boolean;
  readonly isSuspended: boolean;
  readonly isCancelled: boolean;
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  readonly completedAt: number | undefined;
  readonly attempts: number;
};

/** In characters, of each text that others may have written. */
const longestText = 1_500;

const longestTaskId = 256;

export function parseFollowedRun(object: unknown): FollowedRun {
  const metadata = recordAt(object, 'metadata');
  const annotations = recordAt(metadata, 'annotations');
  const [spec, status] = [recordAt(object, 'spec'), recordAt(object, 'status')];
  const notes = textAt(annotations, bridgeAnnotations.notes)?.slice(0, longestNotes) ?? '';
  return {
    namespace: textAt(metadata, 'namespace') ?? '',
    name: textAt(metadata, 'name') ?? '',
    uid: textAt(metadata, 'uid') ?? '',
    taskId: (textAt(annotations, factAnnotations.taskId) ?? '').slice(0, longestTaskId),
    createdAt: timeAt(metadata, 'creationTimestamp') ?? 0,
    job: jobOf(spec),
    notes: notes === '' ? [] : notes.split('\n'),
    notBefore: timeAt(annotations, bridgeAnnotations.notBefore),
    isReported: textAt(annotations, bridgeAnnotations.reported) !== undefined,
    isSuspended: spec['suspend'] === true,
    isCancelled: spec['cancel'] === true,
    phase: bounded(status, 'phase'),
    reason: bounded(status, 'reason'),
    message: bounded(status, 'message'),
    completedAt: timeAt(status, 'completionTime'),
    attempts: numberAt(status, 'attempts') ?? 0,
  };
}

export function keyOf({ namespace, name }: Pick<FollowedRun, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

/** True once the run has ended for good. */
export function hasEnded({ phase }: Pick<FollowedRun, 'phase'>): boolean {
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Cancelled';
}

/** True while a worker reports to the Girder job by itself, and sees its cancel. */
export function hasWorker({ phase }: Pick<FollowedRun, 'phase'>): boolean {
  return phase === 'Preparing' || phase === 'Running' || phase === 'Uploading';
}

function jobOf(spec: Record<string, unknown>): FollowedRun['job'] {
  const job = recordAt(recordAt(spec, 'girder'), 'job');
  const secret = recordAt(job, 'tokenSecretRef');
  const [id, name, key] = [textAt(job, 'id'), textAt(secret, 'name'), textAt(secret, 'key')];
  if (id === undefined || name === undefined) return undefined;
  return { id, secret: { name, key: key ?? 'token' } };
}

function bounded(record: Record<string, unknown>, key: string): string {
  return (textAt(record, key) ?? '').slice(0, longestText);
}

function timeAt(record: Record<string, unknown>, key: string): number | undefined {
  const time = Date.parse(textAt(record, key) ?? '');
  return Number.isNaN(time) ? undefined : time;
}
