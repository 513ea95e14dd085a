import { createServer } from 'node:http';
import type { Report } from '../api/report.ts';

/** Serves the report, which has no secrets, as JSON for the controller to poll. Errors are ignored. */
export function serveProgress(port: number, report: () => Report): { close: () => void } {
  const server = createServer((request, response) => {
    if (request.method !== 'GET') return void response.writeHead(405).end();
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(report()));
  });
  // If the port is in use, there is no live progress, but the run continues.
  server.on('error', () => undefined);
  server.requestTimeout = 5_000;
  server.listen(port).unref();
  return { close: () => server.close() };
}
