import { createServer } from 'node:http';

/** What the probes of the kubelet are answered. */
export type HealthOptions = {
  port: number;
  isReady: () => boolean;
  /** Why the process should be started anew, or nothing when it makes progress. */
  livenessFailure?: () => string | undefined;
};

/**
 * Serves `/healthz` and `/readyz` for the kubelet's probes. `/healthz` fails with the reason when the process makes no
 * progress; a stuck event loop answers nothing, which is as good.
 */
export async function serveHealth(options: HealthOptions): Promise<{ close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const problem = request.url === '/readyz' ? notReady(options) : options.livenessFailure?.();
    const status = problem === undefined ? 200 : 503;
    response.writeHead(status, { 'content-type': 'text/plain' }).end(`${problem ?? 'ok'}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, resolve);
  });
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}

function notReady({ isReady }: HealthOptions): string | undefined {
  return isReady() ? undefined : 'not yet';
}
