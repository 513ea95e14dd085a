import { defined, isRecord, parseJson } from '../api/json-values.ts';
import { errorCode } from '../support/errors.ts';
import { StalledError, Watchdog } from '../support/watchdog.ts';
import type { Connection } from './connection.ts';
import { isExpired, KubeError } from './kube-error.ts';
import { dropIdleSockets, openResponse } from './request.ts';
import { statusOf } from './json.ts';

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

/** One line of a watch; the object of a bookmark has only a resource version. */
export type WatchEvent = { type: WatchEventType; object: unknown };

type WatchRequest = {
  path: string;
  labelSelector: string | undefined;
  fieldSelector?: string | undefined;
  resourceVersion: string;
  /** Called when the server has accepted the watch. */
  onOpen: () => void;
  signal: AbortSignal;
};

/** The API server sends the headers of a watch at once: after this time, the connection is dead. */
const answerMs = 30_000;

/**
 * A watch that is silent for this long is dead: the API server sends a bookmark about once a minute
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks).
 */
const silenceMs = 70_000;

/** The server closes the watch after this time: below the API server's own cap of 295 s, and spread out. */
const serverTimeoutSeconds = () => 240 + Math.floor(Math.random() * 50);

/** Yields the events of one watch until the server closes it; throws if it is refused, broken or silent. */
export async function* watchEvents(
  connection: Connection,
  request: WatchRequest,
): AsyncGenerator<WatchEvent> {
  using watchdog = new Watchdog(answerMs, 'answer to the watch request', request.signal);
  try {
    const { path } = request;
    const query = watchQuery(request);
    const response = await openResponse(connection, { method: 'GET', path, query, signal: watchdog.signal });
    watchdog.expect(silenceMs, 'data from the watch');
    request.onOpen();
    const lines = new LineSplitter();
    for await (const chunk of response as AsyncIterable<Buffer>) {
      watchdog.touch();
      for (const line of lines.push(chunk)) yield parseEvent(line);
    }
  } catch (error) {
    request.signal.throwIfAborted();
    if (!watchdog.signal.aborted) throw error;
    // When one connection died silently, idle ones of the same age have died as well.
    dropIdleSockets(connection.agent);
    throw watchdog.signal.reason;
  }
}

function watchQuery(request: WatchRequest): Record<string, string> {
  return {
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: request.resourceVersion,
    timeoutSeconds: String(serverTimeoutSeconds()),
    ...defined({ labelSelector: request.labelSelector, fieldSelector: request.fieldSelector }),
  };
}

function parseEvent(line: string): WatchEvent {
  const { type, object } = parseObject(line);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return { type, object };
    case 'ERROR': {
      const { code = 500, message = 'the watch failed', ...more } = statusOf(object);
      throw new KubeError(message, { status: code, ...more });
    }
    default:
      throw new UnreadableError('a line of the watch is not a watch event');
  }
}

/** The error does not quote the line, which may hold anything. */
function parseObject(line: string): Record<string, unknown> {
  const value = parseJson(line);
  if (isRecord(value)) return value;
  throw new UnreadableError('a line of the watch is not a JSON object');
}

/** The answer is not what an API server sends: it is cut off, garbled, or from another program. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

/**
 * In bytes. An object has at most 1.5 MiB (https://etcd.io/docs/v3.6/dev-guide/limit/), so a longer line is
 * not an event.
 */
export const longestLine = 16 * 1024 * 1024;

/** Splits bytes into lines; an unfinished last line means a broken stream and is never returned. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): string[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const lines: string[] = [];
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      if (end > start) lines.push(bytes.toString('utf8', start, end));
      start = end + 1;
    }
    this.#rest = bytes.subarray(start);
    if (this.#rest.length > longestLine)
      throw new UnreadableError('a line of the watch is longer than 16 MiB');
    return lines;
  }
}

/** Why lists and watches end. These are the values of a metric's label, so the set is closed. */
export const interruptionReasons = [
  /** The server closed the watch normally, as it does every few minutes. */
  'closed',
  /** No data for too long: the server or the network is down. */
  'silence',
  /** The connection broke. */
  'reset',
  /** The resource version is too old to continue from. */
  'expired',
  /** The server answered 429. */
  'throttled',
  /** No connection, or an error status. */
  'refused',
  /** The data is not what an API server sends. */
  'unreadable',
] as const;

export type InterruptionReason = (typeof interruptionReasons)[number];

const unreadable = [UnreadableError, SyntaxError, TypeError];
const resetCodes = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'];

/** Classifies the error with which a list or a watch ended; undefined stands for a normal end. */
export function interruptionReason(error: unknown): InterruptionReason {
  if (error === undefined) return 'closed';
  if (isExpired(error)) return 'expired';
  if (error instanceof KubeError && error.status !== 0) return error.status === 429 ? 'throttled' : 'refused';
  const cause = error instanceof KubeError ? error.cause : error;
  if (cause instanceof StalledError) return 'silence';
  if (unreadable.some((kind) => cause instanceof kind)) return 'unreadable';
  return resetCodes.includes(errorCode(cause) ?? '') ? 'reset' : 'refused';
}

/**
 * Whether only a new list helps. A watch that is silent or unreadable twice in a row may start from a version
 * that the server does not have (its etcd was restored), or may be unable to get past an event.
 */
export function mustList(reason: InterruptionReason, emptyWatches: number): boolean {
  if (reason === 'expired') return true;
  return (reason === 'silence' || reason === 'unreadable') && emptyWatches >= 2;
}
