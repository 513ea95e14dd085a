import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What can be scraped. */
export type Scraped = { readonly contentType: string; text: () => Promise<string> };

/** Serves `GET /metrics` on a port of its own, so that a NetworkPolicy can open it to Prometheus and nothing else. */
export async function serveMetrics(
  port: number,
  metrics: Scraped,
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const refuse = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
    if (request.url?.split('?')[0] !== '/metrics') return void refuse(404, 'only /metrics is here');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return void refuse(405, 'only GET is answered');
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      (error: unknown) => refuse(500, error instanceof Error ? error.message : 'the metrics cannot be read'),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // A scraper keeps its connection, which would keep the process.
        server.closeAllConnections();
      }),
  };
}
