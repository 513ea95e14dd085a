import { defined, parseJson } from '../api/json-values.ts';
import { errorCode } from '../support/errors.ts';
import { isRecord } from '../support/narrow.ts';
import { StalledError, Watchdog } from '../support/watchdog.ts';
import type { Connection } from './connection.ts';
import { isExpired, KubeError } from './kube-error.ts';
import { dropIdleSockets, openResponse } from './request.ts';
import { statusOf } from './json.ts';

/** What an event of a watch says of its object. */
export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

/** One line of a watch; a bookmark has an object with a version only. */
export type WatchEvent = { type: WatchEventType; object: unknown };

/** What to watch, and from which version on. */
type WatchRequest = {
  path: string;
  labelSelector: string | undefined;
  resourceVersion: string;
  /** Called when the server has accepted the watch. */
  onOpen: () => void;
  signal: AbortSignal;
};

/** The API server sends the headers of a watch at once; a connection that is not even made in this time is dead. */
const answerMs = 30_000;

/**
 * A watch whose stream is silent this long is dead: the API server sends a bookmark about once a minute
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks).
 */
const silenceMs = 70_000;

/** The server closes the stream itself after this long; below the API server's own cap of 295 s and spread out. */
const serverTimeoutSeconds = () => 240 + Math.floor(Math.random() * 50);

/** Yields the events of one watch until the server closes it; rejects when it breaks, is silent too long, or is refused. */
export async function* watchEvents(
  connection: Connection,
  request: WatchRequest,
): AsyncGenerator<WatchEvent> {
  using watchdog = new Watchdog(answerMs, 'answer to the watch', request.signal);
  try {
    const { path } = request;
    const query = watchQuery(request);
    const response = await openResponse(connection, { method: 'GET', path, query, signal: watchdog.signal });
    watchdog.expect(silenceMs, 'byte of the watch');
    request.onOpen();
    const lines = new LineSplitter();
    for await (const chunk of response as AsyncIterable<Buffer>) {
      watchdog.touch();
      for (const line of lines.push(chunk)) yield parseEvent(line);
    }
  } catch (error) {
    request.signal.throwIfAborted();
    if (!watchdog.signal.aborted) throw error;
    // Where one connection is dead without a word, the idle ones that are as old are, too.
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
    ...defined({ labelSelector: request.labelSelector }),
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
      throw new UnreadableError('a line of the watch is no event');
  }
}

/** What is in a line that cannot be read is not told: it may be a part of anything. */
function parseObject(line: string): Record<string, unknown> {
  const value = parseJson(line);
  if (isRecord(value)) return value;
  throw new UnreadableError('a line of the watch is no JSON object');
}

/** Why lists and watches end; the values of a metric's label, so the set is closed. */
export const interruptionReasons = [
  /** The server ended a watch in the proper way, which it does every few minutes. */
  'closed',
  /** Nothing came for too long: the other side, or the way to it, is gone. */
  'silence',
  /** The connection broke. */
  'reset',
  /** The resource version is too old to go on from. */
  'expired',
  /** The server asks to come back later. */
  'throttled',
  /** No connection, or an answer that is an error. */
  'refused',
  /** What came is not what an API server sends. */
  'unreadable',
] as const;

/** Why a list or a watch ended. */
export type InterruptionReason = (typeof interruptionReasons)[number];

/** An answer that is not what an API server sends: cut, garbled, or from somebody else. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

const unreadable = [UnreadableError, SyntaxError, TypeError];
const resetCodes = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'];

/** The reason that an error of a list or a watch stands for; no error is a proper end. */
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
 * Whether only a new list helps. A watch that is silent or unreadable again and again may be one from a version that the
 * server does not have (its etcd was restored), or one that cannot get past an event.
 */
export function mustList(reason: InterruptionReason, emptyWatches: number): boolean {
  if (reason === 'expired') return true;
  return (reason === 'silence' || reason === 'unreadable') && emptyWatches >= 2;
}

/** An object has 1.5 MiB at most (https://etcd.io/docs/v3.6/dev-guide/limit/); what is far longer is no event. */
const longestLine = 16 * 1024 * 1024;

/** Cuts a stream of bytes into lines; a last line without its end is a broken stream and never comes out. */
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
    if (this.#rest.length > longestLine) throw new UnreadableError('a line that does not end');
    return lines;
  }
}
