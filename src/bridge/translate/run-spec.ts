import { defined } from '../../api/json-values.ts';
import { specDefaults } from '../../api/spec.ts';
import { unpickle } from '../pickle/unpickling.ts';
import type { JsonNode } from '../pickle/json-nodes.ts';
import { specOfCall } from '../../calls/call-spec.ts';
import type { ContainerCall, ContainerTask } from '../../calls/container-call.ts';
import type { Envelope, TaskTimes } from './envelope.ts';
import type { MessageSource } from './message-source.ts';
import type { QueueSettings } from './message-outcome.ts';
import type { RunParts } from '../../calls/run-parts.ts';

export type SpecSources = {
  readonly task: ContainerTask;
  readonly call: ContainerCall;
  readonly envelope: Envelope;
  readonly times: TaskTimes;
  readonly queue: QueueSettings;
  /** In ms since 1970. */
  readonly now: number;
};

/** The spec of the run of a message, without the defaults of the API server. @throws Refusal if there is none */
export function specOf(
  sources: SpecSources,
  source: MessageSource,
  parts: RunParts,
): Record<string, unknown> {
  const { call, task, queue, envelope } = sources;
  const hooks = envelope.hooks.map((node) => unpickle(withoutJob(node)));
  const ofCall = specOfCall(call, { task, hooks, resources: queue.resources }, parts);
  return defined({
    ...ofCall,
    girder: girderOf(envelope, source),
    ...deadlinesOf(sources),
    ttlSecondsAfterFinished: queue.ttlSecondsAfterFinished,
    nodeSelector: queue.nodeSelector,
    priorityClassName: queue.priorityClassName,
  });
}

/** The whole document of the job is the last attribute, is not needed, and is what a hook has the most of. */
function withoutJob(node: JsonNode): JsonNode {
  if (!(node instanceof Map)) return node;
  const fields = [...(node as ReadonlyMap<string, JsonNode>)];
  return fields.at(-1)?.[0] === 'job' ? new Map(fields.slice(0, -1)) : node;
}

function girderOf({ apiUrl, job }: Envelope, { girder, secrets, name }: MessageSource): object | undefined {
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
