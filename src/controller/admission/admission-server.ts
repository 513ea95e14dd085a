import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { describe } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';
import { review, type Rules } from './review.ts';

export type AdmissionVerdict = 'allowed' | 'refused' | 'malformed' | 'unavailable';

export type AdmissionServerOptions = {
  readonly rules: Rules;
  /** False until the policies are known: a verdict without them would be another one than the controller's. */
  readonly isReady: () => boolean;
  readonly onVerdict: (verdict: AdmissionVerdict) => void;
  readonly log: Logger;
};

/** An AdmissionReview with the old and the new object, of which etcd stores at most 1.5 MiB each. */
export const maxReviewBytes = 3 * 1024 * 1024;

/** The bodies that are received at once; bounds their memory, and lets many small ones in. */
export const maxBodiesBytes = 32 * 1024 * 1024;

/** The API server needs few; each one beyond is closed at once. */
const maxConnections = 128;

/** The API server itself waits 3 s for a verdict. */
const requestMs = 4_000;
const handshakeMs = 3_000;
const idleMs = 90_000;

/**
 * The validating admission webhook: `POST /validate` over TLS. Every answer but a verdict makes the API server
 * allow the object, since the webhook has the failure policy Ignore; the controller refuses it later. Anyone
 * who reaches the port may ask, so size, time and number of requests are bounded before a body is read.
 */
export class AdmissionServer {
  readonly #options: AdmissionServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Reserved for the bodies that are being received. */
  #reserved = 0;

  constructor(options: AdmissionServerOptions) {
    this.#options = options;
    const timeouts = { headersTimeout: requestMs, requestTimeout: requestMs, keepAliveTimeout: idleMs };
    this.#server = createServer(
      {
        ...timeouts,
        handshakeTimeout: handshakeMs,
        connectionsCheckingInterval: 1_000,
        minVersion: 'TLSv1.2',
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = maxConnections;
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // A failed handshake concerns only its client.
    this.#server.on('tlsClientError', () => undefined);
  }

  /** Uses this certificate for new connections. @throws the pair is unusable; the one before stays. */
  useCertificate({ key, cert }: { readonly key: string; readonly cert: string }): void {
    this.#server.setSecureContext({ key, cert, minVersion: 'TLSv1.2' });
  }

  /** Resolves with the port. Until a certificate is set, every handshake fails. */
  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      // Also those whose handshake has not ended, and the API server's, which stays open.
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = lengthOf(request);
    const problem = this.#problemOf(request, bytes);
    if (problem !== undefined) return this.#refuse(response, problem);
    this.#reserved += bytes;
    try {
      const body = await readBody(request);
      if (body === undefined) return this.#refuse(response, tooLarge);
      const reviewed = review(body, this.#options.rules);
      this.#options.onVerdict(reviewed.verdict);
      if (reviewed.verdict === 'malformed') return answer(response, 400, reviewed.problem);
      const text = JSON.stringify(reviewed.answer);
      response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    } catch (error) {
      if (request.destroyed && !request.complete) return;
      this.#options.log.error({ error: describe(error) }, 'admission review failed');
      this.#refuse(response, { status: 500, text: 'the review failed' });
    } finally {
      this.#reserved -= bytes;
    }
  }

  #problemOf({ url, method }: IncomingMessage, bytes: number): Problem | undefined {
    if (url?.split('?')[0] !== '/validate')
      return { status: 404, text: 'not found: only /validate is served' };
    if (method !== 'POST') return { status: 405, text: 'method not allowed: use POST' };
    if (!this.#options.isReady()) return { status: 503, text: 'the policies are not known yet' };
    if (bytes > maxReviewBytes) return tooLarge;
    const isFull = this.#reserved + bytes > maxBodiesBytes;
    return isFull ? { status: 503, text: 'too many reviews at once' } : undefined;
  }

  /** Closes the connection as well, so that no body is read that nobody needs. */
  #refuse(response: ServerResponse, { status, text }: Problem): void {
    this.#options.onVerdict(status >= 500 ? 'unavailable' : 'malformed');
    response.setHeader('connection', 'close');
    answer(response, status, text);
  }
}

type Problem = { readonly status: number; readonly text: string };

const tooLarge: Problem = { status: 413, text: `the body has more than ${maxReviewBytes} bytes` };

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
}

/** As announced; a body that does not announce its length may have the most. Node.js accepts only digits. */
function lengthOf({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? maxReviewBytes);
}

/** The body as text; undefined when it is too long. Rejects when the client goes away or is too slow. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // A `for await` that is left destroys the request, and with it the connection for the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxReviewBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
