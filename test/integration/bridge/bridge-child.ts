import { isRecord, textOf } from '../../../src/api/json-values.ts';
import { runBridge } from '../../../src/bridge/main.ts';
import type {
  JobAddress,
  Outcome,
  TaskMessage,
  TranslationSettings,
} from '../../../src/bridge/translate/message-outcome.ts';

/**
 * The whole bridge as a process, with a stand-in for the translation that reads the headers only: these tests are about
 * messages, runs and jobs, whatever is in them.
 */
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort('SIGTERM'));

function standIn(message: TaskMessage, settings: TranslationSettings): Outcome {
  const headers = isRecord(message.headers) ? message.headers : {};
  const [taskId, taskName] = [textOf(headers['id']), textOf(headers['task'])];
  if (taskId === undefined || taskName === undefined)
    return { kind: 'Refused', taskId: undefined, job: undefined, message: 'it has no id of a task' };
  if (taskName === 'celery.ping') return { kind: 'BuiltIn', taskName };
  const job = jobIn(headers);
  if (headers['defect'] === true) throw new Error('a defect of the translation');
  if (taskName !== 'girder_worker.docker.tasks.docker_run') return { kind: 'Foreign', taskId, taskName, job };
  const refusal = textOf(headers['refusal']);
  if (refusal !== undefined) return { kind: 'Refused', taskId, job, message: refusal };
  const eta = Date.parse(textOf(headers['eta']) ?? '');
  return {
    ...runOf({ taskId, job, message, image: textOf(headers['image']) ?? 'busybox:1.36' }, settings),
    notBefore: Number.isNaN(eta) ? undefined : eta,
  };
}

type Task = {
  readonly taskId: string;
  readonly job: JobAddress | undefined;
  readonly message: TaskMessage;
  readonly image: string;
};

function runOf(
  { taskId, job, message, image }: Task,
  settings: TranslationSettings,
): Extract<Outcome, { kind: 'Run' }> {
  const { namespace = '' } = settings.queues.find(({ queue }) => queue === message.queue) ?? {};
  const name = `girder-${taskId}`;
  const girder = job && {
    apiUrl: settings.girderApiUrl,
    credentialsSecretRef: { name },
    job: { id: job.id, tokenSecretRef: { name, key: 'jobToken' } },
  };
  const labels = { 'dockerrun.dev/bridge': 'true' };
  return {
    kind: 'Run',
    taskId,
    job,
    run: {
      apiVersion: 'dockerrun.dev/v1alpha1',
      kind: 'DockerRun',
      metadata: { name, namespace, labels, annotations: { 'dockerrun.dev/celery-task-id': taskId } },
      spec: { image, ...(girder === undefined ? {} : { girder }) },
    },
    secret: job && { name, data: { token: 'data', jobToken: job.token } },
    notes: ['A note of the translation.'],
    notBefore: undefined,
  };
}

function jobIn(headers: Record<string, unknown>): JobAddress | undefined {
  const spec = isRecord(headers['jobInfoSpec']) ? headers['jobInfoSpec'] : {};
  const tokens = isRecord(spec['headers']) ? spec['headers'] : {};
  const [id, token] = [textOf(spec['reference']), textOf(tokens['Girder-Token'])];
  return id === undefined || token === undefined
    ? undefined
    : { apiUrl: 'http://girder.invalid/api/v1', id, token };
}

await runBridge(process.env, stop.signal, standIn);
process.exit(0);
