import { createServer } from 'node:http';
import type { Report } from '../api/report.ts';

/** Serves the report as JSON, read-only, for the controller to poll; it holds no secret. Best effort by design. */
export function serveProgress(port: number, report: () => Report): { close: () => void } {
  const server = createServer((request, response) => {
    if (request.method !== 'GET') return void response.writeHead(405).end();
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(report()));
  });
  // A port that is taken costs the live progress, never the run.
  server.on('error', () => undefined);
  server.requestTimeout = 5_000;
  server.listen(port).unref();
  return { close: () => server.close() };
}
