import type { Connection } from '../kube/connection.ts';
import { requestJson } from '../kube/request.ts';
import { paths } from '../kube/resources.ts';
import { parseList, textAt } from '../kube/wire.ts';
import type { ObservedJob, ObservedPod } from './observed.ts';
import type { Obstacle } from './waiting.ts';

/** Longer than a run that waits is polled: Events are asked for every second time. */
const freshMs = 8_000;

type Answer = { at: number; obstacle: Obstacle | undefined };

/**
 * What keeps pods from starting, which is said nowhere but in Events. Listing those is dear for the API server, so an
 * answer is good for some seconds.
 */
export class Obstacles {
  readonly #connection: Connection;
  readonly #answers = new Map<string, Answer>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Why the kubelet cannot mount a volume of a pod, if it cannot. */
  async ofMount(pod: ObservedPod, signal: AbortSignal): Promise<Obstacle | undefined> {
    if (pod.worker.kind !== 'waiting' || pod.nodeName === undefined) return undefined;
    return this.#last(pod, 'FailedMount', signal);
  }

  /** Why the Job controller cannot create a pod, if it cannot. */
  ofJob(job: ObservedJob, signal: AbortSignal): Promise<Obstacle | undefined> {
    return this.#last(job, 'FailedCreate', signal);
  }

  async #last(
    object: ObservedPod | ObservedJob,
    reason: string,
    signal: AbortSignal,
  ): Promise<Obstacle | undefined> {
    const now = Date.now();
    const known = this.#answers.get(object.uid);
    if (known !== undefined && now - known.at < freshMs) return known.obstacle;
    for (const [uid, { at }] of this.#answers) if (now - at >= freshMs) this.#answers.delete(uid);
    const obstacle = await lastEvent(this.#connection, { object, reason }, signal);
    this.#answers.set(object.uid, { at: now, obstacle });
    return obstacle;
  }
}

async function lastEvent(
  connection: Connection,
  { object, reason }: { object: ObservedPod | ObservedJob; reason: string },
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  const query = { fieldSelector: `involvedObject.uid=${object.uid},reason=${reason}` };
  const path = paths.events(object.namespace);
  const event = parseList(await requestJson(connection, { method: 'GET', path, query, signal })).items.at(-1);
  if (event === undefined) return undefined;
  const since = textAt(event, 'firstTimestamp') ?? textAt(event, 'eventTime') ?? object.creationTimestamp;
  const last = textAt(event, 'lastTimestamp') ?? since;
  return { message: textAt(event, 'message') ?? reason, since, last };
}
