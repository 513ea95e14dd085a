import { parseSpec } from '../../api/docker-run.ts';
import { defined } from '../../api/json-values.ts';
import { dockerRunSpec, specDefaults } from '../../api/spec.ts';
import { applyDefaults, duplicateKeys, type StructuralSchema, unknownFields } from '../../api/structural.ts';
import { validateSpec } from '../../api/validate.ts';
import { isPyObject, isTruthy, itemsOf, type PyValue } from '../pickle/python-value.ts';
import { ArgumentTexts } from './argument-texts.ts';
import { dockerParts } from './docker-keywords.ts';
import type { Envelope, TaskTimes } from './envelope.ts';
import { addHooks } from './message-hooks.ts';
import { addConnector } from './message-transforms.ts';
import type { QueueSettings } from './message-outcome.ts';
import { quote, Refusal } from './refusal.ts';
import type { RunParts } from './run-parts.ts';
import { resourcesOf } from './run-resources.ts';
import { positions, type TaskCall } from './task-call.ts';

/** A task that is one run of a container, and what it has of its own. */
export type ContainerTask = {
  /** Whether `pull_image='if-not-present'` means that; elsewhere any text is true. */
  readonly knowsIfNotPresent: boolean;
  /** Whether the tags of Slicer in the target's stdout are its progress. */
  readonly readsSlicerTags: boolean;
};

export type SpecSources = {
  readonly task: ContainerTask;
  readonly call: TaskCall;
  readonly envelope: Envelope;
  readonly times: TaskTimes;
  readonly queue: QueueSettings;
  /** In ms since 1970. */
  readonly now: number;
};

type Spec = Record<string, unknown>;

/** The spec of the run of a message, without the defaults of the API server. @throws Refusal if there is none */
export function specOf(sources: SpecSources, parts: RunParts): Spec {
  const { call, task, queue, envelope } = sources;
  const texts = new ArgumentTexts(parts);
  parts.volumes.declare(call.get('volumes'));
  const [command, args] = [texts.command(call.get('entrypoint')), texts.args(call.get('container_args'))];
  const env = texts.env(call.get('environment'));
  addConnectors(call.get('stream_connectors'), parts);
  const { docker, wantsGpu } = dockerParts(dockerKeywords(call), parts);
  const hooks = addHooks(envelope.hooks, parts);
  if (task.readsSlicerTags) addSlicerProgress(parts);
  const resources = resourcesOf(docker, { wantsGpu, given: queue.resources }, parts);
  const { volumes, transforms } = parts;
  return defined({
    image: imageOf(call),
    imagePullPolicy: pullPolicy(call.get('pull_image'), task),
    command,
    args,
    env,
    resources,
    volumes: unlessEmpty(volumes.volumes),
    dockerVolumes: unlessEmpty(volumes.dockerVolumes),
    transforms: unlessEmpty(transforms.list),
    girderResultHooks: unlessEmpty(hooks),
    girder: girderOf(envelope, parts),
    docker: unlessEmpty(docker),
    removeContainer: keepsContainer(call.get('remove_container')) ? false : undefined,
    ...deadlinesOf(sources),
    ttlSecondsAfterFinished: queue.ttlSecondsAfterFinished,
    nodeSelector: queue.nodeSelector,
    priorityClassName: queue.priorityClassName,
  });
}

function imageOf(call: TaskCall): string {
  const image = call.get('image');
  if (typeof image === 'string' && image !== '') return image;
  throw new Refusal('it has no image');
}

function pullPolicy(pull: PyValue | undefined, { knowsIfNotPresent }: ContainerTask): string {
  if (knowsIfNotPresent && pull === 'if-not-present') return 'IfNotPresent';
  return pull === undefined || isTruthy(pull) ? 'Always' : 'Never';
}

function keepsContainer(remove: PyValue | undefined): boolean {
  return remove !== undefined && !isTruthy(remove);
}

function addConnectors(value: PyValue | undefined, parts: RunParts): void {
  if (value === undefined || value === null) return;
  const items = itemsOf(value);
  if (items === undefined) throw new Refusal('stream_connectors is not a list');
  for (const [index, item] of items.entries()) {
    const where = `stream_connectors[${index}]`;
    if (!isPyObject(item)) throw new Refusal(`${where} is not an object such as Connect`);
    addConnector(item, where, parts);
  }
}

/** The standard output can be connected once; a connector of the message is what its caller asked for. */
function addSlicerProgress({ transforms }: RunParts): void {
  const isConnected = transforms.list.some((one) => JSON.stringify(one).includes('"containerStdOut"'));
  if (isConnected) return;
  transforms.add('slicer', { connect: { input: { containerStdOut: {} }, output: { slicerProgress: {} } } });
}

const ownKeywords: readonly string[] = [...positions, 'environment', 'stream_connectors'];

/** What is left for docker-py. Names of Girder Worker's own are left over when its signal failed. */
function dockerKeywords(call: TaskCall): ReadonlyMap<string, PyValue> {
  if (isTruthy(call.get('girder_result_hooks')))
    throw new Refusal(
      'its results (girder_result_hooks) are among its keywords; publish it with delay() or apply_async() of Girder Worker',
    );
  const rest = [...call].filter(([name]) => !ownKeywords.includes(name) && !name.startsWith('girder_'));
  return new Map(rest);
}

function girderOf({ apiUrl, job }: Envelope, { girder, secrets, name }: RunParts): object | undefined {
  const { client } = girder;
  const address = apiUrl ?? client?.apiUrl;
  if (address === undefined || (client === undefined && job === undefined)) return undefined;
  if (client !== undefined) secrets.set('token', client.token);
  if (job !== undefined) secrets.set('jobToken', job.token);
  return {
    apiUrl: address,
    ...(client === undefined ? {} : { credentialsSecretRef: { name } }),
    ...(job === undefined ? {} : { job: { id: job.id, tokenSecretRef: { name, key: 'jobToken' } } }),
  };
}

/** In seconds: the most that the schema takes. */
const longestDeadline = 31_536_000;

const deadline = (seconds: number) => Math.min(longestDeadline, Math.max(1, Math.ceil(seconds)));

function deadlinesOf({ times, queue, now }: SpecSources) {
  const { timeLimit, expires, notBefore = now } = times;
  const start = queue.startDeadlineSeconds ?? specDefaults.startDeadlineSeconds;
  const left = expires === undefined ? start : deadline((expires - notBefore) / 1000);
  return {
    activeDeadlineSeconds: timeLimit === undefined ? queue.activeDeadlineSeconds : deadline(timeLimit),
    startDeadlineSeconds: left < start ? left : queue.startDeadlineSeconds,
  };
}

function unlessEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

/** How many problems of a spec a sentence lists. */
const mostProblems = 3;

/** @throws Refusal for a spec that the API server or the controller would refuse */
export function checkSpec(spec: Spec): void {
  const problems = problemsOf(spec);
  if (problems.length > 0)
    throw new Refusal(`its DockerRun would not be valid: ${problems.slice(0, mostProblems).join('; ')}`);
}

function problemsOf(spec: Spec): string[] {
  const schema = dockerRunSpec as StructuralSchema;
  const unknown = unknownFields({ schema, value: spec, path: 'spec' });
  if (unknown.length > 0) return unknown.map((path) => `it has no field ${quote(path)}`);
  const value = applyDefaults(schema, spec);
  const parsed = parseSpec(value);
  if ('problem' in parsed) return [parsed.problem];
  return [...duplicateKeys({ schema, value, path: 'spec' }), ...validateSpec(parsed.spec)];
}
