import { createServer } from 'node:http';

/** What the probes of the kubelet are answered. */
type HealthOptions = {
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

export type Vitals = {
  /** When the key that waits longest began to wait, if one waits. */
  readonly oldestWaitingAt: number | undefined;
  /** When the key that is handled longest began to be, if one is. */
  readonly oldestActiveAt: number | undefined;
  /** When the last key was done with, however it ended; the start when none was. */
  readonly lastFinishedAt: number;
  /** When each watch last showed a sign of life: an event, a list, or a failure that it will mend. */
  readonly watches: readonly { readonly resource: string; readonly lastSignAt: number }[];
};

/** Every request has a deadline of 30 s, and a reconcile makes a few of them: what takes this long never ends by itself. */
const hopelessMs = 5 * 60_000;

/** A watch speaks or is given up within 75 s, and waits at most the 10 minutes that a server may ask for. */
const deadWatchMs = 12 * 60_000;

/**
 * Why the process should be started anew, or nothing when its loop makes progress. An API server that is away is no
 * reason, since a new process would have the same trouble: it shows in readiness and in metrics.
 */
export function liveness(vitals: Vitals, now: number): string | undefined {
  const { oldestWaitingAt, oldestActiveAt, lastFinishedAt, watches } = vitals;
  const age = (at: number) => `${Math.round((now - at) / 1000)} s`;
  const isHopeless = (at: number | undefined): at is number => at !== undefined && now - at > hopelessMs;
  if (isHopeless(oldestActiveAt))
    return `a run has been reconciled for ${age(oldestActiveAt)} without an end`;
  if (isHopeless(oldestWaitingAt) && isHopeless(lastFinishedAt)) {
    return `runs have been waiting for ${age(oldestWaitingAt)}, and none was reconciled for ${age(lastFinishedAt)}`;
  }
  const dead = watches.find(({ lastSignAt }) => now - lastSignAt > deadWatchMs);
  if (dead !== undefined) {
    return `the watch of ${dead.resource} gave no sign of life for ${age(dead.lastSignAt)}`;
  }
  return undefined;
}
