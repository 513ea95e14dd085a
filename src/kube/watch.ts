import { defined, parseJson } from '../api/json-values.ts';
import { isRecord } from '../support/narrow.ts';
import { Watchdog } from '../support/watchdog.ts';
import type { Connection } from './connection.ts';
import { UnreadableError } from './interruption.ts';
import { KubeError } from './kube-error.ts';
import { LineSplitter } from './line-splitter.ts';
import { openResponse } from './request.ts';
import { dropIdleSockets } from './transport.ts';
import { statusOf } from './wire.ts';

/** What an event of a watch says of its object. */
export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

/** One line of a watch; a bookmark has an object with a version only. */
export type WatchEvent = { type: WatchEventType; object: unknown };

/** What to watch, and from which version on. */
export type WatchRequest = {
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
