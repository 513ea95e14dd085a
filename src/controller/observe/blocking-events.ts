import type { Connection } from '../../kube/connection.ts';
import { requestJson } from '../../kube/request.ts';
import { paths } from '../../kube/paths.ts';
import { parseList, recordAt, textAt } from '../../kube/json.ts';
import { errorFields, type Logger } from '../../support/log.ts';
import type { BlockingEvent, ObservedJob, ObservedPod } from './observed.ts';

/** No Events are listed for a younger object: usually nothing blocks it, and no one waits for it yet. */
const quietMs = 4_000;

/** An Event that says why an object waits, and who writes it. */
type Kind = { readonly kind: string; readonly reason: string; readonly component: string };

const mount: Kind = { kind: 'Pod', reason: 'FailedMount', component: 'kubelet' };
const create: Kind = { kind: 'Job', reason: 'FailedCreate', component: 'job-controller' };

/** For an object, a list is fresh for half of the time that the object has waited, within these bounds. */
const freshMs = { least: 4_000, most: { FailedMount: 25_000, FailedCreate: 120_000 } } as const;

/** A list is cut off after as many pages. Its objects without an Event in it then show no cause, or a shared one. */
const page = { size: 250, count: 8, maxBytes: 2 * 1024 * 1024 } as const;

/** Bytes are not bounded by the API server, which takes Events of any user who may create them. */
const longestMessage = 1_024;

/** How long a namespace is remembered after its last list. */
const rememberedMs = 10 * 60_000;

/** The Events of one reason in a namespace. Times are `performance.now()`. */
type Listed = {
  at: number;
  /** By the uid of the object that they are about. */
  causes: ReadonlyMap<string, Cause>;
  /** The refusal of a quota, which refuses all objects of the namespace; only if the list was cut off. */
  shared: Cause | undefined;
  /** The list that is under way. */
  pending: Promise<void> | undefined;
};

type Cause = {
  readonly message: string;
  readonly since: string | undefined;
  readonly last: string | undefined;
};

/**
 * Why pods cannot start, which only Events show. Listing them is expensive for the API server, which reads all Events
 * of the namespace from etcd: so all waiting runs of a namespace share one list, the longer the longer they wait.
 * Anyone who may create Events can forge one. An Event only explains why an object waits; its times count from the
 * creation of the object at the earliest, and up to now at the latest.
 */
export class BlockingEvents {
  readonly #connection: Connection;
  readonly #log: Logger;
  /** By `<namespace> <reason>`, the oldest list first. */
  readonly #lists = new Map<string, Listed>();

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
  }

  /** Why the kubelet cannot mount a volume of a pod, if it cannot. */
  async ofMount(pod: ObservedPod, signal: AbortSignal): Promise<BlockingEvent | undefined> {
    if (pod.worker.kind !== 'waiting' || pod.nodeName === undefined) return undefined;
    return this.#last(pod, mount, signal);
  }

  /** Why the Job controller cannot create a pod, if it cannot. */
  ofJob(job: ObservedJob, signal: AbortSignal): Promise<BlockingEvent | undefined> {
    return this.#last(job, create, signal);
  }

  async #last(
    object: ObservedPod | ObservedJob,
    kind: Kind,
    signal: AbortSignal,
  ): Promise<BlockingEvent | undefined> {
    const now = this.#connection.clock.now();
    const age = now.getTime() - Date.parse(object.creationTimestamp);
    if (age < quietMs) return undefined;
    const most = kind === mount ? freshMs.most.FailedMount : freshMs.most.FailedCreate;
    const listed = this.#listed(object.namespace, kind);
    if (performance.now() - listed.at >= Math.min(most, Math.max(freshMs.least, age / 2))) {
      listed.pending ??= this.#list(object.namespace, kind, listed, signal);
      await listed.pending;
      signal.throwIfAborted();
    }
    const cause = listed.causes.get(object.uid) ?? listed.shared;
    if (cause === undefined) return undefined;
    const since = later(cause.since, object.creationTimestamp);
    const last = earlier(cause.last ?? since, now.toISOString());
    return { message: sameForAllPods(cause.message, object.name), since, last: later(last, since) };
  }

  #listed(namespace: string, { reason }: Kind): Listed {
    const key = `${namespace} ${reason}`;
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const now = performance.now();
    for (const [old, { at, pending }] of this.#lists)
      if (pending === undefined && now - at > rememberedMs) this.#lists.delete(old);
    const listed: Listed = { at: -Infinity, causes: new Map(), shared: undefined, pending: undefined };
    this.#lists.set(key, listed);
    return listed;
  }

  async #list(namespace: string, kind: Kind, listed: Listed, signal: AbortSignal): Promise<void> {
    try {
      const { causes, isWhole } = await listCauses(this.#connection, namespace, kind, signal);
      listed.causes = causes;
      listed.shared = isWhole ? undefined : [...causes.values()].find(isOfQuota);
    } catch (error) {
      // A pending run must still be decided on, so that it can be cancelled or exceed its deadline.
      if (!signal.aborted) this.#log.warn({ ...errorFields(error), namespace }, 'cannot list Events');
    }
    listed.at = performance.now();
    listed.pending = undefined;
  }
}

async function listCauses(
  connection: Connection,
  namespace: string,
  kind: Kind,
  signal: AbortSignal,
): Promise<{ causes: ReadonlyMap<string, Cause>; isWhole: boolean }> {
  const causes = new Map<string, Cause>();
  const fieldSelector = `involvedObject.kind=${kind.kind},reason=${kind.reason}`;
  const query: Record<string, string> = { fieldSelector, limit: String(page.size) };
  for (let pages = 0; pages < page.count; pages += 1) {
    const path = paths.events(namespace);
    const request = { method: 'GET', path, query, signal, maxBytes: page.maxBytes } as const;
    const { items, continueToken } = parseList(await requestJson(connection, request));
    for (const event of items) addCause(causes, event, kind);
    if (continueToken === undefined) return { causes, isWhole: true };
    query['continue'] = continueToken;
  }
  return { causes, isWhole: false };
}

const isOfQuota = ({ message }: Cause) => message.includes('exceeded quota: ');

/** Keeps the last Event of each object. */
function addCause(causes: Map<string, Cause>, event: unknown, { reason, component }: Kind): void {
  const uid = textAt(recordAt(event, 'involvedObject'), 'uid');
  const writer = textAt(event, 'reportingComponent') || textAt(recordAt(event, 'source'), 'component');
  if (uid === undefined || writer !== component) return;
  const since = textAt(event, 'firstTimestamp') ?? textAt(event, 'eventTime');
  const last = textAt(event, 'lastTimestamp') ?? since;
  const known = causes.get(uid);
  if (known !== undefined && (known.last ?? '') > (last ?? '')) return;
  const message = (textAt(event, 'message') ?? reason).slice(0, longestMessage).toWellFormed();
  causes.set(uid, { message, since, last });
}

/** Times that the API server wrote compare as numbers: an Event has microseconds or none. */
function later(one: string | undefined, other: string): string {
  return Date.parse(one ?? '') > Date.parse(other) ? (one ?? other) : other;
}

function earlier(one: string, other: string): string {
  return Date.parse(one) < Date.parse(other) ? one : other;
}

/** Each refused pod has another random name; without it, the same refusal has the same message. */
function sameForAllPods(message: string, objectName: string): string {
  return message
    .replace(/^\(combined from similar events\): /, '')
    .replace(/pods "[^"]+-0-[a-z0-9]*" is forbidden/g, `pods "${objectName}" is forbidden`);
}
