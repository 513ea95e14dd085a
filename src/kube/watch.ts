import type { Connection } from './connection.ts';
import { KubeError } from './kube-error.ts';
import { openResponse, parseStatus } from './request.ts';
import { isRecord } from '../support/narrow.ts';

export type WatchEvent = { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; object: unknown };

export type WatchRequest = {
  path: string;
  labelSelector: string | undefined;
  resourceVersion: string;
  signal: AbortSignal;
};

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
  const silence = new AbortController();
  const restart = () =>
    setTimeout(() => silence.abort(new Error(`no byte for ${silenceMs / 1000} s`)), silenceMs);
  let timer = restart();
  try {
    const response = await openResponse(connection, {
      method: 'GET',
      path: request.path,
      query: watchQuery(request),
      signal: AbortSignal.any([request.signal, silence.signal]),
    });
    const lines = new LineSplitter();
    for await (const chunk of response as AsyncIterable<Buffer>) {
      clearTimeout(timer);
      timer = restart();
      for (const line of lines.push(chunk)) yield parseEvent(line);
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

function watchQuery(request: WatchRequest): Record<string, string> {
  return {
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: request.resourceVersion,
    timeoutSeconds: String(serverTimeoutSeconds()),
    ...(request.labelSelector === undefined ? {} : { labelSelector: request.labelSelector }),
  };
}

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
    return lines;
  }
}

function parseEvent(line: string): WatchEvent {
  const event: unknown = JSON.parse(line);
  if (!isRecord(event)) throw new TypeError('a watch event that is no object');
  switch (event['type']) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return { type: event['type'], object: event['object'] };
    default: {
      const status = parseStatus(JSON.stringify(event['object'] ?? null));
      throw new KubeError(status.message ?? 'the watch failed', {
        status: status.code ?? 500,
        ...(status.reason === undefined ? {} : { reason: status.reason }),
      });
    }
  }
}
