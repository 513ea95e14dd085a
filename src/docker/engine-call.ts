import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { deadline, raceAbort } from '../support/abort.ts';

/** How long one call to the engine may take by default, in milliseconds. */
const callTimeoutMs = 30_000;

/** Limits of one call: `signal` cancels it, `timeoutMs` bounds it (default {@link callTimeoutMs}). */
export type CallLimits = { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number };

/**
 * Makes one dockerode call that is sure to settle. dockerode's own promise stays pending for ever when the
 * engine dies after the response headers: the abort signal frees the socket, and the race frees the caller.
 */
export async function engineCall<T>(
  limits: CallLimits,
  call: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const bound = deadline(limits.timeoutMs ?? callTimeoutMs, limits.signal);
  bound.throwIfAborted();
  return raceAbort(call(bound), bound);
}

/**
 * Opens one of the engine's endless responses (events, attach, pull). Only the opening is bounded; the caller
 * destroys the stream. A stream that arrives after the bound is destroyed here.
 */
export async function engineStream(
  limits: CallLimits,
  open: (abortSignal: AbortSignal) => Promise<NodeJS.ReadableStream>,
): Promise<Readable> {
  const bound = deadline(limits.timeoutMs ?? callTimeoutMs, limits.signal);
  bound.throwIfAborted();
  const closing = new AbortController();
  const opening = open(closing.signal);
  try {
    return (await raceAbort(opening, bound)) as Readable;
  } catch (error) {
    opening.then((late) => (late as Readable).destroy(), ignore);
    closing.abort();
    throw error;
  }
}

function ignore(): void {
  return;
}

/** The longest line that is accepted, in characters; the engine's own are below 10 000. */
export const longestLine = 4 * 1024 * 1024;

/**
 * Yields each line of a stream of JSON lines as it completes, parsed but not validated. Chunks may split
 * characters and lines anywhere, and the last line needs no newline.
 * @throws Error when a line is not complete JSON or is too long, or when the stream breaks
 */
export async function* jsonLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<unknown, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine)
      throw new Error(`The engine sent a line of more than ${longestLine} characters`);
    for (const line of lines) if (line.trim() !== '') yield parseLine(line);
  }
  rest += decoder.end();
  if (rest.trim() !== '') yield parseLine(rest);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Error(`The engine sent a line that is not JSON: ${line.slice(0, 200)}`, { cause: error });
  }
}
