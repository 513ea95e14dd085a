import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { digestOf, manifestType, type OciImage, ociImage } from '../../fixtures/oci-image.ts';

/** How a repository of the registry behaves; the repository has the same name. */
export type Behaviour = 'ok' | 'denied' | 'missing' | 'flaky' | 'cut' | 'down' | 'hanging';

/** A registry of one small image, with the faults that real registries have. */
export type SmallRegistry = {
  readonly reference: (behaviour: Behaviour) => string;
  /** The number of requests for manifests. */
  readonly manifestRequests: () => number;
  readonly close: () => Promise<void>;
};

/** Starts the registry on loopback, which the engine trusts without TLS. */
export async function startRegistry(): Promise<SmallRegistry> {
  // One layer of 4 MiB that cannot be compressed, new each time so that the engine has to fetch it.
  const image = ociImage({ data: randomBytes(4 * 1024 * 1024) }, ['/data']);
  const asked = { manifests: 0, flaky: 0 };
  const server = createServer((request, response) => answer(request, response, image, asked));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const run = randomBytes(4).toString('hex');
  return {
    reference: (behaviour) => `127.0.0.1:${port}/${behaviour}/x${run}:1`,
    manifestRequests: () => asked.manifests,
    close: () => closed(server),
  };
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

type Asked = { manifests: number; flaky: number };

function answer(request: IncomingMessage, response: ServerResponse, image: OciImage, asked: Asked) {
  const path = (request.url ?? '').split('?')[0] ?? '';
  const behaviour = path.split('/')[2] ?? '';
  if (path === '/v2/') return response.end('{}');
  if (path.includes('/manifests/')) {
    asked.manifests += 1;
    if (behaviour === 'flaky') asked.flaky += 1;
    const fault = manifestFault(behaviour, asked.flaky);
    if (fault === 'silence') return undefined;
    if (fault !== undefined) return refuse(response, ...fault);
    return send(response, manifestType, image.manifest);
  }
  const blob = image.blobs.find(({ digest }) => path.endsWith(digest));
  if (blob === undefined) return refuse(response, 404, 'BLOB_UNKNOWN');
  if (behaviour === 'cut') return cutShort(response, blob.content);
  return send(response, 'application/octet-stream', blob.content);
}

function manifestFault(behaviour: string, flakyRequests: number): 'silence' | [number, string] | undefined {
  if (behaviour === 'denied') return [403, 'DENIED'];
  if (behaviour === 'missing') return [404, 'MANIFEST_UNKNOWN'];
  if (behaviour === 'down') return [500, 'UNKNOWN'];
  if (behaviour === 'hanging') return 'silence';
  return behaviour === 'flaky' && flakyRequests <= 2 ? [500, 'UNKNOWN'] : undefined;
}

function refuse(response: ServerResponse, status: number, code: string) {
  const messages: Record<string, string> = {
    DENIED: 'requested access to the resource is denied',
    MANIFEST_UNKNOWN: 'manifest unknown',
  };
  response.writeHead(status, { 'content-type': 'application/json' });
  return response.end(JSON.stringify({ errors: [{ code, message: messages[code] ?? 'unknown' }] }));
}

function send(response: ServerResponse, type: string, content: Buffer) {
  const headers = { 'content-type': type, 'content-length': content.length };
  response.writeHead(200, { ...headers, 'docker-content-digest': digestOf(content) });
  return response.end(content);
}

function cutShort(response: ServerResponse, content: Buffer) {
  response.writeHead(200, { 'content-length': content.length });
  response.write(content.subarray(0, content.length / 2), () => response.destroy());
  return undefined;
}
