import { textOf } from '../../api/json-values.ts';
import { apiVersion, kind } from '../../api/names.ts';
import { decompressed, isReadableCompression, readJson } from '../pickle/json-reader.ts';
import { type JsonMap, type JsonNode, UnreadableError } from '../pickle/json-nodes.ts';
import { checkSpec } from '../../calls/call-spec.ts';
import { type ContainerTask, containerTasks } from '../../calls/container-call.ts';
import { type Envelope, envelopeOf, taskTimes } from './envelope.ts';
import { MessageSecrets, tokensIn } from './message-secrets.ts';
import { MessageSource } from './message-source.ts';
import type {
  Outcome,
  QueueSettings,
  RunDraft,
  TaskMessage,
  TranslationSettings,
} from './message-outcome.ts';
import { quote, Refusal } from '../../calls/refusal.ts';
import { runAnnotations, runLabels, runName } from './run-facts.ts';
import { RunParts } from '../../calls/run-parts.ts';
import { specOf } from './run-spec.ts';
import { callOf } from './task-call.ts';

/** Celery's own tasks: https://docs.celeryq.dev/en/stable/_modules/celery/app/builtins.html */
const builtInPrefix = 'celery.';

/** Those of them that call the tasks in their arguments: what `map`, `starmap` and `chunks` publish. */
const callers: readonly string[] = ['map', 'starmap', 'chunks', 'group', 'chain', 'chord'];

function isBuiltIn(taskName: string): boolean {
  return taskName.startsWith(builtInPrefix) && !callers.includes(taskName.slice(builtInPrefix.length));
}

/**
 * What becomes of one message of Girder's queue. It never throws, and its time is linear in the size of the message.
 * `now` is in ms since 1970.
 */
export function translate(delivered: TaskMessage, settings: TranslationSettings, now = Date.now()): Outcome {
  try {
    return outcomeOf(delivered, envelopeOf(delivered.headers, settings), { settings, now });
  } catch (error) {
    const message = sentence(error);
    return olderTask(delivered) ?? { kind: 'Refused', taskId: undefined, job: undefined, message };
  }
}

/**
 * A task as Celery 3 writes it, and later ones with `task_protocol = 1`: its name and id are in the body. No Girder that
 * is served publishes one, but another program may, for another worker.
 */
function olderTask({ body }: TaskMessage): Outcome | undefined {
  const node = attempted(() => readJson(body));
  const fields: JsonMap = node instanceof Map ? (node as JsonMap) : new Map();
  const [taskName, taskId] = [textOf(fields.get('task')), textOf(fields.get('id'))];
  if (taskName === undefined || taskId === undefined) return undefined;
  return isBuiltIn(taskName)
    ? { kind: 'BuiltIn', taskName }
    : { kind: 'Foreign', taskId, taskName, job: undefined };
}

/** Undefined for a body that cannot be read. */
function attempted(read: () => JsonNode): JsonNode | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnreadableError) return undefined;
    throw error;
  }
}

type Given = { readonly settings: TranslationSettings; readonly now: number };

function outcomeOf(message: TaskMessage, envelope: Envelope, given: Given): Outcome {
  const { taskName, taskId, job } = envelope;
  if (isBuiltIn(taskName)) return { kind: 'BuiltIn', taskName };
  const task = Object.hasOwn(containerTasks, taskName) ? containerTasks[taskName] : undefined;
  if (task === undefined) return { kind: 'Foreign', taskId, taskName, job };
  let secrets: MessageSecrets | undefined;
  try {
    const body = readBody(message, envelope);
    secrets = new MessageSecrets(tokensIn([body, envelope.headers]));
    return runOf({ message, envelope, task, body, secrets, ...given });
  } catch (error) {
    const said = sentence(error);
    return { kind: 'Refused', taskId, job, message: secrets?.without(said) ?? said };
  }
}

function readBody({ body, contentType = 'application/json' }: TaskMessage, { headers }: Envelope) {
  const type = contentType.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new Refusal(
      `its content type is ${quote(contentType)}, but only application/json is read; set task_serializer of Celery to girder_io or json`,
    );
  const compression = headers.get('compression');
  if (typeof compression !== 'string' || compression === '') return readJson(body);
  if (isReadableCompression(compression)) return readJson(decompressed(body));
  throw new Refusal(
    `its body is compressed (${quote(compression)}); set task_compression of Celery to gzip, or turn it off`,
  );
}

type Sources = Given & {
  readonly message: TaskMessage;
  readonly envelope: Envelope;
  readonly task: ContainerTask;
  readonly body: ReturnType<typeof readJson>;
  readonly secrets: MessageSecrets;
};

function runOf({ message, envelope, task, body, secrets, settings, now }: Sources): Outcome {
  const { taskId, job } = envelope;
  if (taskId === undefined) throw new Refusal('it has no id, by which its run would be named');
  const queue = queueOf(message, settings);
  const times = taskTimes(envelope, now);
  const name = runName(taskId);
  const source = new MessageSource(name, secrets, settings);
  const parts = new RunParts(source);
  const spec = specOf({ task, call: callOf(body), envelope, times, queue, now }, source, parts);
  checkSpec(spec);
  const metadata = {
    name,
    namespace: queue.namespace,
    labels: runLabels(envelope, queue, settings),
    annotations: runAnnotations(envelope, taskId),
  };
  const run: RunDraft = { apiVersion, kind, metadata, spec };
  if (secrets.has(JSON.stringify(run)))
    throw new Refusal(
      'it has a token of Girder in a field that others can read; tokens can stand in container_args, environment and the headers of streams',
    );
  addSessionNote(envelope, parts);
  const hasSecret = Object.keys(secrets.data).length > 0;
  return {
    kind: 'Run',
    taskId,
    job,
    run,
    secret: hasSecret ? { name, data: secrets.data } : undefined,
    notes: [...parts.notes].map((note) => secrets.without(note)),
    notBefore: times.notBefore,
  };
}

function queueOf({ queue }: TaskMessage, { queues }: TranslationSettings): QueueSettings {
  const found = queues.find((one) => one.queue === queue);
  if (found !== undefined) return found;
  throw new Refusal(`its queue ${quote(queue)} is not one that the bridge has settings for`);
}

function addSessionNote({ headers }: Envelope, { notes }: RunParts): void {
  const options = headers.get('girder_client_session_kwargs');
  if (options instanceof Map && options.size > 0)
    notes.add(
      'girder_client_session_kwargs has no effect: certificates are always checked; an administrator can add one to worker.caBundle.',
    );
}

/** In characters; a job's log shows it. */
const longestSentence = 2000;

/** @throws what is not about the message: a defect */
function sentence(error: unknown): string {
  if (!(error instanceof Refusal || error instanceof UnreadableError)) throw error;
  const text = `DockerRun cannot run this task: ${error.message}.`.replace(/\.\.$/, '.');
  return text.length <= longestSentence ? text : `${text.slice(0, longestSentence)}…`;
}
