import { destination } from 'pino';
import { serveHealth } from '../runtime/health.ts';
import { Metrics, serveMetrics } from '../runtime/metrics.ts';
import { deadline, sleep } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import { createLogger } from '../support/log.ts';
import { revision, version } from '../support/version.ts';
import { readAgentConfig } from './agent-config.ts';
import { agentMetricTable } from './agent-metrics.ts';
import { Collector } from './collector.ts';
import { EngineHealth } from './engine-health.ts';

const lookEveryMs = 5_000;
const collectEveryMs = 60_000;
const collectMs = 300_000;

/**
 * Runs the agent of a node until the signal aborts. Its readiness says that the Docker Engine of the node can
 * run targets. It has no credentials for Kubernetes: the controller turns the readiness into a label.
 */
export async function runNodeAgent(environment: NodeJS.ProcessEnv, stop: AbortSignal): Promise<void> {
  const config = readAgentConfig(environment);
  const log = createLogger(config.logLevel, destination(1));
  const metrics = new Metrics(agentMetricTable);
  const health = new EngineHealth(config);
  const collector = new Collector({
    dockerSocket: config.dockerSocket,
    settings: config.collector,
    disk: async () => health.disk,
    onRemoved: (kind, bytes) => {
      metrics.count('dockerrun_node_removed_total', { kind });
      metrics.count('dockerrun_node_removed_bytes_total', {}, bytes);
    },
    log,
  });
  metrics.onScrape(() => {
    metrics.set('dockerrun_node_engine_up', {}, health.answers ? 1 : 0);
    metrics.set('dockerrun_node_engine_ready', {}, health.problem === undefined ? 1 : 0);
    metrics.set('dockerrun_node_disk_bytes', {}, health.disk?.total ?? 0);
    metrics.set('dockerrun_node_disk_free_bytes', {}, health.disk?.free ?? 0);
  });
  const probes = await serveHealth({
    port: config.healthPort,
    isReady: () => health.problem === undefined,
  });
  const scraped = await serveMetrics(config.metricsPort, metrics);
  log.info({ version, revision, ...config }, 'node agent started');
  const looking = repeat(lookEveryMs, stop, async () => {
    const before = health.problem;
    await health.look(stop);
    if (health.problem !== before) log.warn({ problem: health.problem }, 'the state of the engine changed');
  });
  const collecting = repeat(collectEveryMs, stop, async () => {
    try {
      await collector.collect(deadline(collectMs, stop));
    } catch (error) {
      if (stop.aborted) return;
      metrics.count('dockerrun_node_collect_failures_total', {});
      log.warn({ error: describe(error) }, 'cannot collect garbage');
    }
  });
  await Promise.all([looking, collecting]);
  await Promise.all([probes.close(), scraped.close()]);
}

/** Does the work at once and then every `everyMs` after its end, until the signal aborts. */
async function repeat(everyMs: number, stop: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!stop.aborted) {
    await work();
    await sleep(everyMs, stop).catch(() => undefined);
  }
}
