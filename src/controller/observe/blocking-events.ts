import type { Connection } from '../../kube/connection.ts';
import { requestJson } from '../../kube/request.ts';
import { paths } from '../../kube/paths.ts';
import { parseList, textAt } from '../../kube/json.ts';
import { errorFields, type Logger } from '../../support/log.ts';
import type { BlockingEvent, ObservedJob, ObservedPod } from './observed.ts';

/** No Events are listed for a younger object: usually nothing blocks it, and no one waits for it yet. */
const quietMs = 4_000;

/** An answer is fresh for half of the time that the object has waited, within these bounds. */
const freshMs = { least: 4_000, most: 25_000 } as const;

type Answer = { readonly until: number; readonly event: BlockingEvent | undefined };

/**
 * Why pods cannot start, which only Events show. Listing them is expensive for the API server, so answers are
 * cached, longer for an object that has waited longer.
 */
export class BlockingEvents {
  readonly #connection: Connection;
  readonly #log: Logger;
  /** By the uid of the object, the oldest answer first. */
  readonly #answers = new Map<string, Answer>();

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
  }

  /** Why the kubelet cannot mount a volume of a pod, if it cannot. */
  async ofMount(pod: ObservedPod, signal: AbortSignal): Promise<BlockingEvent | undefined> {
    if (pod.worker.kind !== 'waiting' || pod.nodeName === undefined) return undefined;
    return this.#last(pod, 'FailedMount', signal);
  }

  /** Why the Job controller cannot create a pod, if it cannot. */
  ofJob(job: ObservedJob, signal: AbortSignal): Promise<BlockingEvent | undefined> {
    return this.#last(job, 'FailedCreate', signal);
  }

  async #last(
    object: ObservedPod | ObservedJob,
    reason: string,
    signal: AbortSignal,
  ): Promise<BlockingEvent | undefined> {
    const now = Date.now();
    const age = now - Date.parse(object.creationTimestamp);
    // Clocks differ a little: an object may seem to be created in the future.
    if (age < quietMs) return undefined;
    const known = this.#answers.get(object.uid);
    if (known !== undefined && now < known.until) return known.event;
    this.#forgetOld(now);
    const event = await lastEvent(this.#connection, { object, reason }, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      // A pending run must still be decided on, so that it can be cancelled or exceed its deadline.
      this.#log.warn(errorFields(error), 'cannot list Events');
      return known?.event;
    });
    const until = now + Math.min(freshMs.most, Math.max(freshMs.least, age / 2));
    this.#answers.delete(object.uid);
    this.#answers.set(object.uid, { until, event });
    return event;
  }

  #forgetOld(now: number): void {
    for (const [uid, { until }] of this.#answers) {
      if (until + freshMs.most > now) return;
      this.#answers.delete(uid);
    }
  }
}

async function lastEvent(
  connection: Connection,
  { object, reason }: { object: ObservedPod | ObservedJob; reason: string },
  signal: AbortSignal,
): Promise<BlockingEvent | undefined> {
  const query = { fieldSelector: `involvedObject.uid=${object.uid},reason=${reason}` };
  const path = paths.events(object.namespace);
  const event = parseList(await requestJson(connection, { method: 'GET', path, query, signal })).items.at(-1);
  if (event === undefined) return undefined;
  const since = textAt(event, 'firstTimestamp') ?? textAt(event, 'eventTime') ?? object.creationTimestamp;
  const last = textAt(event, 'lastTimestamp') ?? since;
  return { message: sameForAllPods(textAt(event, 'message') ?? reason, object.name), since, last };
}

/** Each refused pod of a Job has another random name; without it, the same refusal has the same message. */
function sameForAllPods(message: string, jobName: string): string {
  return message
    .replace(/^\(combined from similar events\): /, '')
    .replace(/"([^"]+)-\d+-[a-z0-9]*"/g, (all, name: string) => (name === jobName ? `"${jobName}"` : all));
}
