import { destination } from 'pino';
import type { Term } from '../kube/lease-election.ts';
import { aborted, sleep } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import { createLogger } from '../support/log.ts';
import { startTracing } from '../support/trace/start-tracing.ts';
import { revision, version } from '../support/version.ts';
import { areSynced, ClusterCaches } from './observe/caches.ts';
import { readConfig } from './config.ts';
import { serveEndpoints } from './endpoints.ts';
import { createMetrics, showQueue, showRuns } from './metrics/instruments.ts';
import { leaseName, runLeadership } from './leadership.ts';
import { concurrentReconciles, Controller } from './controller.ts';
import { connectObserved, observeLeading, observeWatches } from './metrics/kube-metrics.ts';

/** How long caches and servers may take to close when the controller stops. */
const closeMs = 1_000;

/** Runs the controller until the signal aborts: its caches always, its reconciles while it leads. */
export async function runController(environment: NodeJS.ProcessEnv, stop: AbortSignal): Promise<void> {
  const config = readConfig(environment);
  const log = createLogger(config.logLevel, destination(1));
  const onProblem = (problem: string) => log.warn(problem);
  const tracing = await startTracing(environment, { serviceName: 'dockerrun-controller', onProblem });
  const metrics = createMetrics(concurrentReconciles);
  const [connection, leaseConnection] = [await connectObserved(metrics), await connectObserved(metrics)];
  const watches = observeWatches(metrics);
  let controller: Controller | undefined;
  const cluster = new ClusterCaches({
    connection,
    log,
    observers: watches.observers,
    onRun: (key) => controller?.add(key),
    onPod: (pod) => controller?.podChanged(pod),
  });
  const { caches } = cluster;
  const isReady = () => areSynced(caches);

  const lead = async (term: Term) => {
    const { worker } = config;
    const { signal } = term;
    const fenced = term.fence(connection);
    controller = new Controller({ connection: fenced, cluster, worker, metrics, log, signal });
    for (const { metadata } of caches.runs.values()) controller.add(`${metadata.namespace}/${metadata.name}`);
    await aborted(AbortSignal.any([stop, signal]));
    await controller.stop().finally(() => (controller = undefined));
  };

  const queue = () => controller?.queue;
  showQueue(metrics, queue);
  showRuns(metrics, () => caches.runs.values());
  const servers = await serveEndpoints({ config, metrics, isReady, queue, watches: watches.signs });
  log.info(
    { version, revision, server: connection.server.origin, worker: config.worker },
    'controller started',
  );
  const watching = new AbortController();
  const caching = Promise.all(Object.values(caches).map((cache) => cache.run(watching.signal)));
  const leadership = { election: config.leaderElection, connection: leaseConnection, isReady, lead, log };
  try {
    await runLeadership({ ...leadership, onLeading: observeLeading(metrics, leaseName) }, stop);
  } catch (error) {
    if (!stop.aborted) throw error;
    log.error({ error: describe(error) }, 'controller did not stop in time');
  }
  watching.abort();
  await Promise.race([Promise.all([caching, servers.close()]), sleep(closeMs)]);
  await tracing.end();
  log.info('controller stopped');
}
