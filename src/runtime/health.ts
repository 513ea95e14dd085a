import { createServer } from 'node:http';

type HealthOptions = {
  port: number;
  isReady: () => boolean;
  /** Why the process should be restarted; undefined while it makes progress. */
  livenessFailure?: () => string | undefined;
};

/**
 * Serves `/healthz` and `/readyz` for the kubelet's probes. `/healthz` fails with the reason when the process
 * makes no progress; a stuck event loop does not answer, which the kubelet also counts as a failure.
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
  return isReady() ? undefined : 'not ready';
}

/** The state of the control loop; times are milliseconds of `performance.now()`. */
export type Vitals = {
  /** Since when the oldest waiting key has waited, if any. */
  readonly oldestWaitingAt: number | undefined;
  /** Since when the oldest active key has been handled, if any. */
  readonly oldestActiveAt: number | undefined;
  /** When the last key was finished, with or without success; the start of the queue if none was. */
  readonly lastFinishedAt: number;
  /** When each watch last showed a sign of life: an event, a list, or a failure after which it retries. */
  readonly watches: readonly { readonly resource: string; readonly lastSignAt: number }[];
};

/** A reconcile makes a few requests of at most 30 s each, so one this long never ends by itself. */
const stuckMs = 5 * 60_000;

/** A watch receives something or is closed within 75 s, and waits at most 10 minutes (Retry-After). */
const deadWatchMs = 12 * 60_000;

/**
 * Why the process should be restarted; undefined while its control loop makes progress. An unreachable API
 * server is not a reason, because a new process would have the same problem; readiness and metrics show it.
 */
export function liveness(vitals: Vitals, now: number): string | undefined {
  const { oldestWaitingAt, oldestActiveAt, lastFinishedAt, watches } = vitals;
  const age = (at: number) => `${Math.round((now - at) / 1000)} s`;
  const isStuck = (at: number | undefined): at is number => at !== undefined && now - at > stuckMs;
  if (isStuck(oldestActiveAt)) return `a reconcile has been running for ${age(oldestActiveAt)}`;
  if (isStuck(oldestWaitingAt) && isStuck(lastFinishedAt)) {
    return `runs have been waiting for ${age(oldestWaitingAt)}, and no reconcile has finished for ${age(lastFinishedAt)}`;
  }
  const dead = watches.find(({ lastSignAt }) => now - lastSignAt > deadWatchMs);
  if (dead !== undefined) {
    return `the watch of ${dead.resource} has neither received anything nor retried for ${age(dead.lastSignAt)}`;
  }
  return undefined;
}
