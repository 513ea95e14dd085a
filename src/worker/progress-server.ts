import { createServer } from 'node:http';
import type { Report } from '../api/report.ts';
import { sleep } from '../support/abort.ts';

/** A controller that asks again has written down what it was told before. */
const readsToBeSure = 2;

/** The endpoint that the controller asks. */
export type ProgressServer = {
  /** Serves this report from now on, until a controller surely has it, the time is over, or the signal aborts. */
  tell: (final: Report, longestMs: number, signal: AbortSignal) => Promise<void>;
  close: () => void;
};

/** Serves the report as JSON, read-only, for the controller to poll; it holds no secret. Best effort by design. */
export function serveProgress(port: number, report: () => Report): ProgressServer {
  let current = report;
  let onRead: () => void = () => undefined;
  const server = createServer((request, response) => {
    if (request.method !== 'GET') return void response.writeHead(405).end();
    response.on('finish', onRead);
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(current()));
  });
  // A port that is taken costs the live progress, never the run.
  server.on('error', () => undefined);
  server.requestTimeout = 5_000;
  server.listen(port).unref();
  const tell = async (final: Report, longestMs: number, signal: AbortSignal) => {
    const told = new AbortController();
    let reads = 0;
    onRead = () => {
      reads += 1;
      if (reads === readsToBeSure) told.abort();
    };
    current = () => final;
    await sleep(longestMs, AbortSignal.any([told.signal, signal])).catch(() => undefined);
  };
  return { tell, close: () => server.close() };
}
