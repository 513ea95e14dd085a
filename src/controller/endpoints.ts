import { liveness, serveHealth, type Vitals } from '../runtime/health.ts';
import { type Scraped, serveMetrics } from '../runtime/metrics.ts';
import type { QueueState } from '../runtime/queue.ts';
import type { ControllerConfig } from './config.ts';

export type Endpoints = {
  readonly config: Pick<ControllerConfig, 'healthPort' | 'metricsPort'>;
  readonly metrics: Scraped;
  readonly isReady: () => boolean;
  /** The queue of the current term; undefined while this replica follows. */
  readonly queue: () => QueueState | undefined;
  readonly watches: () => Vitals['watches'];
};

/** Serves the probes of the kubelet and the metrics, each on its own port. */
export async function serveEndpoints({ config, metrics, isReady, queue, watches }: Endpoints): Promise<{
  close: () => Promise<void>;
}> {
  const livenessFailure = () => {
    const now = performance.now();
    return liveness({ ...(queue() ?? { ...idle, lastFinishedAt: now }), watches: watches() }, now);
  };
  const health = await serveHealth({ port: config.healthPort, isReady, livenessFailure });
  if (config.metricsPort === 0) return health;
  const scraped = await serveMetrics(config.metricsPort, metrics).catch((error: unknown) => {
    throw new Error(
      `cannot open port ${config.metricsPort} for metrics: set DOCKERRUN_METRICS_PORT to another port, or to 0 for no metrics`,
      { cause: error },
    );
  });
  return { close: async () => void (await Promise.all([health.close(), scraped.close()])) };
}

/** The queue of a replica that follows: it cannot get stuck. */
const idle = { oldestWaitingAt: undefined, oldestActiveAt: undefined };
