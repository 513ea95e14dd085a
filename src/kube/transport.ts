import { type Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { type Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { errorCode } from '../support/errors.ts';

/** A request as it goes out. */
export type Outgoing = {
  method: string;
  headers: Record<string, string>;
  signal: AbortSignal;
  body: string | undefined;
};

/**
 * Sends a request and gives the answer when its headers are there. A read that met a connection which the server had
 * closed while it was idle is sent again on another one, as Go's client does.
 */
export function send(url: URL, agent: HttpAgent | HttpsAgent, outgoing: Outgoing): Promise<IncomingMessage> {
  const { body, ...options } = outgoing;
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    const sent = request(url, { ...options, agent }, (response) => {
      isAnswered = true;
      resolve(response);
    });
    sent.on('error', (error) => {
      // After the answer has begun, this is told here, too; whoever reads the answer knows it.
      const wasClosed = !isAnswered && sent.reusedSocket && errorCode(error) === 'ECONNRESET';
      if (outgoing.method !== 'GET' || !wasClosed || outgoing.signal.aborted) reject(error);
      else send(url, agent, outgoing).then(resolve, reject);
    });
    sent.end(body);
  });
}

/** The whole body as text; rejects when it is cut. */
export async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** Closes the connections that nobody uses, so that the next request opens a new one. */
export function dropIdleSockets(agent: HttpAgent | HttpsAgent): void {
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of sockets ?? []) socket.destroy();
}
