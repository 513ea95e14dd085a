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

/** How long the last answers of the servers may take when the controller stops. */
const closeMs = 1_000;

/** Runs the controller until the signal aborts: its caches always, its loop while it leads. */
export async function runController(environment: NodeJS.ProcessEnv, stop: AbortSignal): Promise<void> {
  const config = readConfig(environment);
  const log = createLogger(config.logLevel, destination(1));
  const onProblem = (sentence: string) => log.warn(sentence);
  const tracing = await startTracing(environment, { serviceName: 'dockerrun-controller', onProblem });
  const metrics = createMetrics(concurrentReconciles);
  const [connection, leaseConnection] = [await connectObserved(metrics), await connectObserved(metrics)];
  const watches = observeWatches(metrics);
  let loop: Controller | undefined;
  const cluster = new ClusterCaches({
    connection,
    log,
    observers: watches.observers,
    onRun: (key) => loop?.add(key),
    onPod: (pod) => loop?.podChanged(pod),
  });
  const { caches } = cluster;
  const isReady = () => areSynced(caches);

  const lead = async (term: Term) => {
    const { worker } = config;
    const { signal } = term;
    const fenced = term.fence(connection);
    loop = new Controller({ connection: fenced, cluster, worker, metrics, log, signal });
    for (const { metadata } of caches.runs.values()) loop.add(`${metadata.namespace}/${metadata.name}`);
    await aborted(AbortSignal.any([stop, signal]));
    await loop.stop().finally(() => (loop = undefined));
  };

  const queue = () => loop?.queue;
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
    log.error({ error: describe(error) }, 'the controller does not wait any longer');
  }
  watching.abort();
  await Promise.race([Promise.all([caching, servers.close()]), sleep(closeMs)]);
  await tracing.end();
  log.info('controller stopped');
}
