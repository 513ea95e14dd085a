import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { destination } from 'pino';
import { AdmissionServer } from './admission/admission-server.ts';
import { certificateFiles, certificateSecret, keepCertificate } from './admission/webhook-certificate.ts';
import type { Rules } from './admission/review.ts';
import type { Connection } from '../kube/connection.ts';
import { Election, Term } from '../kube/lease-election.ts';
import { liveness, serveHealth, type Vitals } from '../runtime/health.ts';
import { type Scraped, serveMetrics } from '../runtime/metrics.ts';
import type { QueueState } from '../runtime/queue.ts';
import { aborted, sleep } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import { createLogger, type Logger } from '../support/log.ts';
import { startTracing } from '../support/trace/start-tracing.ts';
import { revision, version } from '../support/version.ts';
import { type ControllerConfig, readConfig } from './config.ts';
import { concurrentReconciles, Controller } from './controller.ts';
import { EngineLabels } from './engine-labels.ts';
import {
  type ControllerMetrics,
  createMetrics,
  showPolicy,
  showQueue,
  showRuns,
  showUnreachable,
} from './metrics/instruments.ts';
import { connectObserved, observeLeading, observeWatches } from './metrics/kube-metrics.ts';
import { observeSets, showSets } from './metrics/set-metrics.ts';
import { areSynced, ClusterCaches } from './observe/caches.ts';
import { policyIn } from './observe/policies.ts';
import { leaseTiming } from '../kube/lease.ts';
import { SetCaches } from './set/observe/set-caches.ts';
import { SetController } from './set/set-controller.ts';

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
  let setController: SetController | undefined;
  const cluster = new ClusterCaches({
    connection,
    log,
    observers: watches.observers,
    onRun: (key) => controller?.add(key),
    onJobDeleted: (namespace) => controller?.jobDeleted(namespace),
    onPod: (pod) => controller?.podChanged(pod),
    onRunObject: (run) => sets.runChanged(run),
  });
  const { caches } = cluster;
  const sets = new SetCaches({
    connection,
    log,
    observers: watches.observers,
    runAt: (key) => caches.runs.get(key),
    onSet: (key) => setController?.add(key),
    onPlannerPod: (pod) => setController?.plannerPodChanged(pod),
  });
  const isReady = () => areSynced(caches) && sets.synced;
  const isRequired = config.policyRequired;
  const policy = (namespace: string) => policyIn(caches.policies, namespace, { isRequired });

  const lead = async (term: Term) => {
    const { worker } = config;
    const { signal } = term;
    const fenced = term.fence(connection);
    controller = new Controller({
      connection: fenced,
      cluster,
      worker,
      policy,
      metrics,
      log,
      signal,
    });
    setController = new SetController({
      ...{ connection: fenced, caches: sets, worker, policy, log, signal },
      absorbRun: (stored) => cluster.absorbRun(stored),
      onWritten: observeSets(metrics),
    });
    const labelling = labelNodes(fenced, config, { log, signal: AbortSignal.any([stop, signal]) });
    for (const { metadata } of caches.runs.values()) controller.add(`${metadata.namespace}/${metadata.name}`);
    await aborted(AbortSignal.any([stop, signal]));
    await Promise.all([
      controller.stop().finally(() => (controller = undefined)),
      setController.stop().finally(() => (setController = undefined)),
      labelling,
    ]);
  };

  const queue = () => controller?.queue;
  showQueue(metrics, queue);
  showUnreachable(metrics, () => controller?.unreachable ?? 0);
  showRuns(
    metrics,
    () => caches.runs.values(),
    () => connection.clock.now(),
  );
  showSets(metrics, () => sets.sets.values());
  showPolicy(metrics, () => isReady() && policy('').problem !== undefined);
  const watching = new AbortController();
  const { signal: watched } = watching;
  const webhook = await openWebhook({ config, connection, cluster, policy, metrics, log }, watched);
  const isServing = () => isReady() && (webhook?.isReady() ?? true);
  const servers = await serveEndpoints({
    config,
    metrics,
    isReady: isServing,
    queue,
    watches: watches.signs,
  });
  log.info(
    { version, revision, server: connection.server.origin, worker: config.worker },
    'controller started',
  );
  const caching = Promise.all([...Object.values(caches), ...sets.all].map((cache) => cache.run(watched)));
  const leadership = { election: config.leaderElection, connection: leaseConnection, isReady, lead, log };
  try {
    await runLeadership({ ...leadership, onLeading: observeLeading(metrics, leaseName) }, stop);
  } catch (error) {
    if (!stop.aborted) throw error;
    log.error({ error: describe(error) }, 'controller did not stop in time');
  }
  watching.abort();
  await Promise.race([Promise.all([caching, servers.close(), webhook?.close()]), sleep(closeMs)]);
  await tracing.end();
  log.info('controller stopped');
}

type WebhookOptions = {
  readonly config: ControllerConfig;
  readonly connection: Connection;
  readonly cluster: ClusterCaches;
  readonly policy: Rules['policyIn'];
  readonly metrics: ControllerMetrics;
  readonly log: Logger;
};

/** An admission webhook that is open; ready once it has looked for its certificate. */
type Webhook = { readonly isReady: () => boolean; readonly close: () => Promise<void> };

/** Opens the admission webhook, in every replica; undefined when it is off. Its certificate is kept until the signal aborts. */
async function openWebhook(options: WebhookOptions, signal: AbortSignal): Promise<Webhook | undefined> {
  const { connection, cluster, policy, metrics, log } = options;
  const { webhook } = options.config;
  if (webhook === undefined) return undefined;
  const { policies } = cluster.caches;
  const { certificateDirectory: directory, port, host, name } = webhook;
  const server = new AdmissionServer({
    rules: { policyIn: policy, worker: options.config.worker },
    isReady: () => policies.synced,
    onVerdict: (verdict) => metrics.count('dockerrun_webhook_requests_total', { verdict }),
    log,
  });
  const secret = { connection, name, host, log };
  let hasLooked = false;
  const keeping = keepCertificate(
    {
      source: directory === undefined ? certificateSecret(secret) : certificateFiles(directory),
      use: (pair) => server.useCertificate(pair),
      onExpiry: (to) =>
        metrics.set('dockerrun_webhook_certificate_expiry_timestamp_seconds', {}, to.getTime() / 1000),
      onFirst: () => (hasLooked = true),
      log,
    },
    signal,
  );
  await server.listen(port).catch((error: unknown) => {
    throw new Error(
      `cannot open port ${port} for the admission webhook: set DOCKERRUN_WEBHOOK_PORT to another port, or to 0`,
      { cause: error },
    );
  });
  return { isReady: () => hasLooked, close: async () => void (await Promise.all([server.close(), keeping])) };
}

/** Keeps the labels of the nodes until the signal aborts, if the node agent is installed. */
async function labelNodes(
  connection: Connection,
  { nodeAgentNamespace: namespace }: ControllerConfig,
  { log, signal }: { log: Logger; signal: AbortSignal },
): Promise<void> {
  if (namespace !== undefined) await new EngineLabels({ connection, namespace, log }).run(signal);
}

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

/** The Lease, in the controller's own namespace. */
export const leaseName = 'dockerrun-controller';

export type LeadershipOptions = {
  /** When false, every replica leads; only for a single replica, or for a test. */
  election: boolean;
  /** With a pool of its own, so that a renewal never waits behind the requests of reconciles. */
  connection: Connection;
  isReady: () => boolean;
  /** Called for each term; resolves after the term is over or the signal of `runLeadership` aborts. */
  lead: (term: Term) => Promise<void>;
  /** Called at every change; true is 1 in leader_election_master_status. */
  onLeading: (isLeading: boolean) => void;
  log: Logger;
};

/** Leads whenever this replica holds the Lease, until the signal aborts; then nothing keeps running. */
export async function runLeadership(options: LeadershipOptions, signal: AbortSignal): Promise<void> {
  const { connection, isReady, log, onLeading } = options;
  const lead = async (term: Term) => {
    onLeading(true);
    await options.lead(term).finally(() => onLeading(false));
  };
  if (!options.election) return leadAlone({ isReady, lead }, signal);
  const { namespace } = connection;
  // The pod's name shows people which pod leads; the UUID keeps a restarted container from mistaking itself
  // for its predecessor.
  const identity = `${hostname()}_${randomUUID()}`;
  const election = { connection, namespace, name: leaseName, identity, timing: leaseTiming };
  await new Election({ ...election, isReady, lead, log }).run(signal);
}

async function leadAlone(
  { isReady, lead }: Pick<LeadershipOptions, 'isReady' | 'lead'>,
  signal: AbortSignal,
): Promise<void> {
  while (!isReady() && !signal.aborted) await sleep(50, signal).catch(() => undefined);
  if (!signal.aborted) await lead(Term.endless());
}
