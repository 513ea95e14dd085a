import {
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
} from 'node:http';
import { addAbortSignal, pipeline, Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { isRecord, parseJson, textOf } from '../api/json-values.ts';
import { GrowingBuffer } from '../io/byte-sink.ts';
import { deadline, raceAbort } from '../support/abort.ts';
import { asError } from '../support/errors.ts';

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

/** Bytes of an answer that is a document; a list of a thousand containers has about 2 MiB. */
export const longestAnswer = 16 * 1024 * 1024;
/** Bytes of an error's body. */
const longestRefusal = 256 * 1024;

/** What dockerode knows of a call; `statusCodes` has true for those that are a success. */
type Call = {
  readonly isStream?: boolean | undefined;
  readonly openStdin?: boolean | undefined;
  readonly statusCodes: Readonly<Record<string, unknown>>;
};

/**
 * Sends a request in the place of docker-modem, whose own `buildRequest` follows redirects to any host, reads answers
 * of any length, and throws where nobody catches it when a redirect or an error message has not the form that it
 * expects.
 */
export function sendToEngine(
  options: RequestOptions,
  call: Call,
  body: unknown,
  callback: (error: Error | null, answer: unknown) => void,
): void {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  promise.then(
    (answer) => callback(null, answer),
    (error: unknown) => callback(asError(error), null),
  );
  let request: ClientRequest;
  try {
    request = httpRequest(call.openStdin === true ? withoutBody(options) : options);
  } catch (error) {
    return reject(asError(error));
  }
  request.on('error', reject);
  request.on('upgrade', (_, socket, head) => {
    if (head.length > 0) socket.unshift(head);
    resolve(socket);
  });
  request.on('response', (response) => {
    response.on('error', () => undefined);
    answerOf(response, call, options.signal ?? undefined).then(resolve, reject);
  });
  if (body instanceof Readable) pipeline(body, request, (error) => error && reject(error));
  else request.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : undefined);
}

/** Every byte after the head of such a request is the container's input, so not even an empty body may have an end. */
function withoutBody(options: RequestOptions): RequestOptions {
  const { 'Transfer-Encoding': _, ...headers } = isRecord(options.headers) ? options.headers : {};
  return { ...options, headers: { ...headers, 'Content-Length': 0 } };
}

async function answerOf(
  response: IncomingMessage,
  { isStream = false, statusCodes }: Call,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const { statusCode = 0 } = response;
  const isSuccess = statusCodes[statusCode] === true;
  if (isSuccess && isStream) return response;
  // The signal of a request ends only the wait for its response.
  if (signal !== undefined) addAbortSignal(signal, response);
  const text = await readAnswer(response, isSuccess ? longestAnswer : longestRefusal);
  if (isSuccess) return parseJson(text) ?? text;
  const known = textOf(statusCodes[statusCode]) ?? 'unexpected';
  throw Object.assign(new Error(`(HTTP code ${statusCode}) ${known} - ${refusalOf(text)}`), { statusCode });
}

/** @throws Error when the answer is longer than `most` bytes, or when it breaks */
async function readAnswer(response: IncomingMessage, most: number): Promise<string> {
  const bytes = new GrowingBuffer();
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes.add(chunk);
    if (bytes.length > most) throw new Error(`The engine answered with more than ${most} bytes`);
  }
  return bytes.toString();
}

/** The engine answers an error with a message; what stands between may answer with text of any kind. */
function refusalOf(text: string): string {
  const body = parseJson(text);
  if (!isRecord(body)) return text;
  return textOf(body['message']) ?? textOf(body['error']) ?? 'it gave no message';
}

/** The longest line that is accepted, in characters; the engine's own are below 10 000. */
export const longestLine = 1024 * 1024;

/**
 * Yields each line of a stream of JSON lines as it completes, parsed but not validated. Chunks may split
 * characters and lines anywhere, and the last line needs no newline.
 * @throws Error when a line is not complete JSON or is too long, or when the stream breaks
 */
export async function* jsonLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<unknown, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    // Only what is new is searched: to search the rest again for each byte of a line would take quadratic time.
    const [first = '', ...others] = decoder.write(chunk).split('\n');
    rest += first;
    for (const other of others) {
      yield* parsedLine(rest);
      rest = other;
    }
    checkLength(rest);
  }
  yield* parsedLine(rest + decoder.end());
}

function checkLength(line: string): void {
  if (line.length > longestLine)
    throw new Error(`The engine sent a line of more than ${longestLine} characters`);
}

/** Nothing for an empty line. */
function* parsedLine(line: string): Generator<unknown, void, undefined> {
  checkLength(line);
  if (line.trim() !== '') yield parseLine(line);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Error(`The engine sent a line that is not JSON: ${line.slice(0, 200)}`, { cause: error });
  }
}
