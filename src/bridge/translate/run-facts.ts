import { createHash } from 'node:crypto';
import { group, labelValue, queueNameLabel } from '../../api/names.ts';
import type { Envelope } from './envelope.ts';
import type { QueueSettings, TranslationSettings } from './message-outcome.ts';

/** On every DockerRun of the bridge, where the value is the queue, as far as a label can be; also on its Secrets. */
export const bridgeLabel = `${group}/bridge`;

/** On a DockerRun of the bridge if the operator asks for it: the id of the user in Girder, for quotas. */
export const userLabel = `${group}/girder-user`;

/** On DockerRuns of the bridge: all of the message that it needs later, but for tokens. */
export const factAnnotations = {
  /** The id of the task in Celery, by which a cancel is broadcast. */
  taskId: `${group}/celery-task-id`,
  taskName: `${group}/celery-task`,
  jobId: `${group}/girder-job`,
  /** Girder's address for the job. */
  apiUrl: `${group}/girder-api-url`,
  userId: `${group}/girder-user`,
} as const;

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names */
const plainId = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** In characters: with `girder-` before it, a label has room for it. */
const longestPlainId = 56;

/** One name for one task, so that a message that comes twice makes one run. */
export function runName(taskId: string): string {
  if (plainId.test(taskId) && taskId.length <= longestPlainId) return `girder-${taskId}`;
  const hash = createHash('sha256').update(taskId).digest('hex').slice(0, 16);
  const stem = taskId
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 32)
    .replace(/^-|-$/g, '');
  return stem === '' ? `girder-${hash}` : `girder-${stem}-${hash}`;
}

export function runLabels(
  { userId }: Envelope,
  queue: QueueSettings,
  settings: TranslationSettings,
): Record<string, string> {
  const name = labelValue(queue.queue.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/^[^A-Za-z0-9]+/, ''));
  return {
    [bridgeLabel]: name === '' ? 'queue' : name,
    ...(queue.localQueue === undefined ? {} : { [queueNameLabel]: queue.localQueue }),
    ...(settings.userLabel && userId !== undefined ? { [userLabel]: userId } : {}),
  };
}

export function runAnnotations({ taskName, job, userId }: Envelope, taskId: string): Record<string, string> {
  const facts = {
    [factAnnotations.taskId]: taskId,
    [factAnnotations.taskName]: taskName,
    ...(job === undefined ? {} : { [factAnnotations.jobId]: job.id, [factAnnotations.apiUrl]: job.apiUrl }),
    ...(userId === undefined ? {} : { [factAnnotations.userId]: userId }),
  };
  return facts;
}
