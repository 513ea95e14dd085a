import { liveness, serveHealth, type Vitals } from '../runtime/health.ts';
import { type Scraped, serveMetrics } from '../runtime/metrics.ts';
import type { QueueState } from '../runtime/queue.ts';
import type { ControllerConfig } from './config.ts';

/** What the controller shows of itself, and where. */
export type Endpoints = {
  readonly config: Pick<ControllerConfig, 'healthPort' | 'metricsPort'>;
  readonly metrics: Scraped;
  readonly isReady: () => boolean;
  /** The queue of the term, while this replica leads. */
  readonly queue: () => QueueState | undefined;
  readonly watches: () => Vitals['watches'];
};

/** Opens the two ports on which the kubelet and Prometheus ask the controller how it is. */
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
      `The port ${config.metricsPort} of the metrics cannot be opened: set DOCKERRUN_METRICS_PORT to another one, or to 0.`,
      { cause: error },
    );
  });
  return { close: async () => void (await Promise.all([health.close(), scraped.close()])) };
}

/** A replica that follows has nothing to get on with. */
const idle = { oldestWaitingAt: undefined, oldestActiveAt: undefined };
