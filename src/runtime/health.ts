import { createServer } from 'node:http';

export type HealthOptions = { port: number; isReady: () => boolean };

/** Serves `/healthz` (an answer means that the event loop turns) and `/readyz` for the kubelet's probes. */
export async function serveHealth(options: HealthOptions): Promise<{ close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const ok = request.url !== '/readyz' || options.isReady();
    response.writeHead(ok ? 200 : 503, { 'content-type': 'text/plain' }).end(ok ? 'ok\n' : 'not yet\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, resolve);
  });
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}
