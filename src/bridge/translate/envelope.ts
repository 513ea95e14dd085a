import { textOf } from '../../api/json-values.ts';
import { tableNode } from '../pickle/json-nodes.ts';
import type { JsonMap, JsonNode } from '../pickle/json-nodes.ts';
import { apiUrlOf } from './girder-access.ts';
import type { JobAddress, TranslationSettings } from './message-outcome.ts';
import { Refusal } from '../../calls/refusal.ts';

/** What the headers of a task's message say. Times are ms since 1970. */
export type Envelope = {
  readonly taskName: string;
  readonly taskId: string | undefined;
  readonly job: JobAddress | undefined;
  /** Girder's address for workers, without a slash at the end. */
  readonly apiUrl: string | undefined;
  readonly headers: JsonMap;
  readonly hooks: readonly JsonNode[];
  readonly userId: string | undefined;
};

/** In characters. Celery makes UUIDs; a caller may have another id. */
const longestTaskId = 255;
const longestTaskName = 512;

/** @throws UnreadableError for a table beyond the bounds, and Refusal for a message that is not a task's */
export function envelopeOf(table: unknown, settings: TranslationSettings): Envelope {
  const node = tableNode(table);
  const headers: JsonMap = node instanceof Map ? (node as JsonMap) : new Map();
  const taskName = textIn(headers, 'task');
  if (taskName === undefined || taskName.length > longestTaskName)
    throw new Refusal('it has no name of a task in its headers, as Celery 4 and later write it');
  const id = textIn(headers, 'id');
  const hooks = headers.get('girder_result_hooks');
  if (hooks !== undefined && hooks !== null && !Array.isArray(hooks))
    throw new Refusal('girder_result_hooks is not a list');
  const apiUrl = workerApiUrl(headers, settings);
  return {
    taskName,
    taskId: id !== undefined && id.length <= longestTaskId && !/\p{C}/u.test(id) ? id : undefined,
    job: jobAddressOf(headers.get('jobInfoSpec'), apiUrl),
    apiUrl,
    headers,
    hooks: (hooks ?? []) as readonly JsonNode[],
    userId: userIdOf((hooks ?? []) as readonly JsonNode[]),
  };
}

function workerApiUrl(headers: JsonMap, settings: TranslationSettings): string | undefined {
  if (settings.girderApiUrl !== undefined) return settings.girderApiUrl.replace(/(?<!\/)\/+$/, '');
  const given = textIn(headers, 'girder_api_url') ?? textIn(headers, 'apiUrl');
  if (given !== undefined) return usableUrl(given);
  const url = textIn(mapOf(headers.get('jobInfoSpec')), 'url');
  const end = url?.indexOf('/job/') ?? -1;
  return url === undefined || end === -1 ? undefined : usableUrl(url.slice(0, end));
}

/** Undefined for what is not an address: a message of a stranger must still have an outcome. */
function usableUrl(text: string): string | undefined {
  try {
    return text.length <= 1024 ? apiUrlOf(text) : undefined;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function jobAddressOf(spec: JsonNode | undefined, apiUrl: string | undefined): JobAddress | undefined {
  const [id, token] = [
    textIn(mapOf(spec), 'reference'),
    textIn(mapOf(mapOf(spec).get('headers')), 'Girder-Token'),
  ];
  if (apiUrl === undefined || id === undefined || token === undefined) return undefined;
  const isUsable = /^[0-9a-f]{24}$/.test(id) && /^[A-Za-z0-9._~+/=-]{16,512}$/.test(token);
  return isUsable ? { apiUrl, id, token } : undefined;
}

/** The user who asked, whom only the job's document in a hook names: an ObjectId of 12 bytes. */
function userIdOf(hooks: readonly JsonNode[]): string | undefined {
  for (const hook of hooks) {
    const user = mapOf(mapOf(mapOf(hook).get('job')).get('userId'));
    const bytes = textIn(mapOf(user.get('py/state')), 'py/b64');
    const id = bytes === undefined || bytes.length > 32 ? '' : Buffer.from(bytes, 'base64').toString('hex');
    if (/^[0-9a-f]{24}$/.test(id)) return id;
  }
  return undefined;
}

function mapOf(node: JsonNode | undefined): JsonMap {
  return node instanceof Map ? (node as JsonMap) : new Map();
}

function textIn(fields: JsonMap, name: string): string | undefined {
  return textOf(fields.get(name));
}

export type TaskTimes = {
  /** The task must not start before it. */
  readonly notBefore: number | undefined;
  /** The task must start before it. */
  readonly expires: number | undefined;
  /** In seconds. */
  readonly timeLimit: number | undefined;
};

/** `eta`, `expires` and `timelimit` of Celery. @throws Refusal for a task that has expired */
export function taskTimes({ headers }: Envelope, now: number): TaskTimes {
  const [notBefore, expires] = [timeOf(headers, 'eta'), timeOf(headers, 'expires')];
  if (expires !== undefined && expires <= now)
    throw new Refusal(`it had to start before ${new Date(expires).toISOString()} (expires); start it again`);
  if (expires !== undefined && notBefore !== undefined && expires <= notBefore)
    throw new Refusal('it may start only after it has expired (eta, expires)');
  const limits = headers.get('timelimit');
  const given = Array.isArray(limits) ? (limits as readonly JsonNode[]) : [];
  const timeLimit = given.map(secondsOf).find((limit) => limit !== undefined);
  return {
    notBefore: notBefore !== undefined && notBefore > now ? notBefore : undefined,
    expires,
    timeLimit,
  };
}

function secondsOf(node: JsonNode): number | undefined {
  const seconds = typeof node === 'bigint' || typeof node === 'number' ? Number(node) : NaN;
  return seconds > 0 ? seconds : undefined;
}

/** The last time that a Date can be, in ms. */
const lastTime = 8.64e15;

/** ISO 8601, in UTC if it has no offset, as Celery reads it; or seconds since 1970. */
function timeOf(headers: JsonMap, name: 'eta' | 'expires'): number | undefined {
  const given = headers.get(name);
  if (given === undefined || given === null) return undefined;
  const time = typeof given === 'string' ? parsedTime(given) : Number(given) * 1000;
  if (typeof given !== 'boolean' && typeof given !== 'object' && Math.abs(time) < lastTime) return time;
  throw new Refusal(`its time ${name} is not a time`);
}

function parsedTime(text: string): number {
  if (text.length > 64 || !/^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-][\d:]+)?$/.test(text)) return NaN;
  return Date.parse(/(Z|[+-]\d{2}:?\d{2})$/.test(text) ? text : `${text}Z`);
}
