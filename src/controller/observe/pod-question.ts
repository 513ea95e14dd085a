import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';

/** Less than a lost SYN is sent again after; the next question comes soon enough. */
const connectMs = 400;

/** A question to the read-only endpoint of a worker or a planner. */
export type PodQuestion = {
  readonly podIP: string;
  readonly port: number;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of the answer: a longer one counts as none. */
  readonly maxBytes: number;
};

/** The text of the answer; undefined when there is none in time, or none that can be used. */
export async function askPod(
  { podIP, port, path, headers = {}, maxBytes }: PodQuestion,
  signal: AbortSignal,
): Promise<string | undefined> {
  // Not fetch: at many requests a second, it holds tens of megabytes of memory.
  const request = get({ host: podIP, port, path, headers, agent: false, signal });
  const connecting = setTimeout(() => request.destroy(new Error('not connected in time')), connectMs);
  request.once('socket', (socket) => socket.once('connect', () => clearTimeout(connecting)));
  try {
    const [response] = (await once(request, 'response', { signal })) as [IncomingMessage];
    return response.statusCode === 200 ? await readText(response, maxBytes) : undefined;
  } catch {
    return undefined;
  } finally {
    clearTimeout(connecting);
    // An answer that is refused, or not read to its end, must not keep its connection.
    request.destroy();
  }
}

async function readText(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxBytes) throw new RangeError(`the answer is longer than ${maxBytes} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}
