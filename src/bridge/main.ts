import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { ChannelModel } from 'amqplib';
import { destination } from 'pino';
import { connect } from '../kube/connection.ts';
import { Election, type Term } from '../kube/lease-election.ts';
import { leaseTiming } from '../kube/lease.ts';
import { liveness, serveHealth } from '../runtime/health.ts';
import { Metrics, serveMetrics } from '../runtime/metrics.ts';
import { settledWithin } from '../support/abort.ts';
import { useEgress } from '../support/egress.ts';
import { createLogger, type Logger } from '../support/log.ts';
import { startTracing } from '../support/trace/start-tracing.ts';
import { revision, version } from '../support/version.ts';
import {
  type BridgeConfig,
  readBridgeConfig,
  readBrokerAddresses,
  readBrokerClient,
} from './bridge-config.ts';
import { bridgeMetricTable, obstacles } from './bridge-metrics.ts';
import { keepConnected } from './broker/broker-connection.ts';
import type { WorkerState } from './broker/control-answers.ts';
import { listenToControl } from './broker/control-listener.ts';
import type { Disposition } from './broker/message-mover.ts';
import { type Delivered, TaskConsumer } from './broker/task-consumer.ts';
import { Follower } from './follow/follower.ts';
import { OpenJobUpkeep } from './follow/open-job-upkeep.ts';
import { RequestPace } from './follow/request-pace.ts';
import { Holdup } from './holdup.ts';
import { Intake } from './intake.ts';
import { QueueGates } from './intake-gate.ts';
import { BridgeJob } from './job/bridge-job.ts';
import { BridgeRuns } from './runs/bridge-runs.ts';
import { keyOf } from './runs/followed-run.ts';
import { OpenJobs } from './runs/open-jobs.ts';
import { RunWriter } from './runs/run-writer.ts';
import { TakenRuns } from './taken-runs.ts';
import type { JobAddress, Outcome, TaskMessage, TranslationSettings } from './translate/message-outcome.ts';
import { translate as translateMessage } from './translate/translation.ts';

export const bridgeLease = 'dockerrun-bridge';

/** Requests to Girder about jobs without a worker, at most per second. */
const requestsPerSecond = 20;
const stopMs = 12_000;

export type Translate = (message: TaskMessage, settings: TranslationSettings) => Outcome;

/** Runs the bridge until the signal aborts: every replica takes messages, one of them watches the Girder jobs. */
export async function runBridge(
  environment: NodeJS.ProcessEnv,
  stop: AbortSignal,
  translate: Translate = translateMessage,
): Promise<void> {
  const config = readBridgeConfig(environment);
  useEgress(config.egress);
  const log = createLogger(config.logLevel, destination(1));
  const onProblem = (problem: string) => log.warn(problem);
  const tracing = await startTracing(environment, { serviceName: 'dockerrun-bridge', onProblem });
  await new Bridge({ config, translate, connections: await connectTwice(), log }).run(stop);
  await tracing.end();
}

/** With a pool of its own, so that a renewal of the lease never waits behind other requests. */
async function connectTwice() {
  return { connection: await connect(), leaseConnection: await connect() };
}

type BridgeOptions = {
  readonly config: BridgeConfig;
  readonly translate: Translate;
  readonly connections: Awaited<ReturnType<typeof connectTwice>>;
  readonly log: Logger;
};

class Bridge {
  readonly #config: BridgeConfig;
  readonly #connections: BridgeOptions['connections'];
  readonly #log: Logger;
  readonly #metrics = new Metrics(bridgeMetricTable).withProcess();
  readonly #runs: BridgeRuns;
  readonly #taken = new TakenRuns();
  readonly #gates: QueueGates;
  readonly #intake: Intake;
  /** `dockerrun@<pod>`: RabbitMQ's permissions name queues by it. */
  readonly #name = `dockerrun@${hostname()}`;
  #follower: Follower | undefined;
  #upkeep: OpenJobUpkeep | undefined;
  #isConnected = false;
  #consumers = 0;

  constructor({ config, translate, connections, log }: BridgeOptions) {
    this.#config = config;
    this.#connections = connections;
    this.#log = log;
    const { connection } = connections;
    const { translation, maxRuns } = config;
    this.#runs = new BridgeRuns({
      connection,
      namespaces: [...new Set(translation.queues.map(({ namespace }) => namespace))],
      onChange: (run) => {
        this.#taken.seen(keyOf(run));
        this.#follower?.changed(run);
      },
      onListed: () => this.#upkeep?.compareNow(),
      log: this.#log,
    });
    this.#gates = new QueueGates({
      queues: translation.queues,
      maxRuns,
      unfinished: () => this.#runs.unfinished + this.#taken.count,
      isReady: () => this.#runs.isReady,
      stateOf: (namespace) => this.#runs.stateOf(namespace),
    });
    this.#intake = new Intake({
      translate: (message) => translate(message, translation),
      openJob: (address) => this.#openJob(address),
      runs: new RunWriter(connection),
      // Not that of the stop: messages in work are finished.
      openJobs: new OpenJobs(connection, new AbortController().signal),
      onCreated: (key) => this.#created(key),
      foreignQueue: config.foreignQueue,
      deadLetterQueue: config.deadLetterQueue,
      log: this.#log,
    });
  }

  async run(stop: AbortSignal): Promise<void> {
    const { brokerFile, brokerCa, brokerClient, translation, maxRuns } = this.#config;
    this.#showMetrics();
    const servers = await this.#serve();
    const queues = translation.queues.map(({ queue }) => queue);
    this.#log.info(
      { version, revision, queues, girder: translation.girderApiUrl, maxRuns },
      'bridge started',
    );
    const watching = new AbortController();
    const caching = this.#runs.run(watching.signal);
    const broker = keepConnected(
      {
        addresses: () => readBrokerAddresses(brokerFile),
        ca: brokerCa,
        client: () => readBrokerClient(brokerClient),
        name: this.#name,
        use: (model, signal) => this.#use(model, signal),
        onConnected: (isConnected) => this.#connected(isConnected),
        log: this.#log,
      },
      stop,
    );
    await Promise.all([broker, this.#elect(stop)]);
    watching.abort();
    await settledWithin(Promise.all([caching, ...servers.map((server) => server.close())]), stopMs);
    this.#log.info('bridge stopped');
  }

  async #use(model: ChannelModel, signal: AbortSignal): Promise<void> {
    const consumers = this.#config.translation.queues.map(({ queue }) => this.#consumerOf(queue));
    const control = listenToControl(
      {
        name: this.#name,
        state: () => this.#state(),
        onRevoke: (taskIds) => this.#revoked(taskIds),
        log: this.#log,
      },
      model,
      signal,
    );
    await Promise.all([control, ...consumers.map((consumer) => consumer.run(model, signal))]);
  }

  #consumerOf(queue: string): TaskConsumer {
    let wasConsuming = false;
    return new TaskConsumer({
      queue,
      gate: this.#gates.of(queue),
      take: (delivered) => this.#take(delivered),
      prefetch: this.#config.maxMessages,
      onConsuming: (isConsuming) => {
        this.#consumers += Number(isConsuming) - Number(wasConsuming);
        wasConsuming = isConsuming;
      },
      log: this.#log,
    });
  }

  async #take(delivered: Delivered): Promise<Disposition> {
    const { queue } = delivered.message;
    try {
      // It is finished when the process is asked to stop: the consumer waits for a while.
      const result = await this.#intake.take(delivered, AbortSignal.timeout(takeMs));
      this.#gates.of(queue).passed();
      this.#metrics.count('dockerrun_bridge_messages_total', { result });
      return 'ack';
    } catch (error) {
      const holdup = error instanceof Holdup ? error : new Holdup('girder', String(error), { cause: error });
      this.#gates.of(queue).hold(holdup);
      this.#log.warn({ queue, obstacle: holdup.obstacle, error: holdup.message }, 'a message has to wait');
      this.#metrics.count('dockerrun_bridge_messages_total', { result: 'requeued' });
      return 'requeue';
    }
  }

  async #elect(stop: AbortSignal): Promise<void> {
    const { leaseConnection } = this.#connections;
    await new Election({
      connection: leaseConnection,
      namespace: leaseConnection.namespace,
      name: bridgeLease,
      identity: `${hostname()}_${randomUUID()}`,
      timing: leaseTiming,
      isReady: () => this.#runs.isReady,
      lead: (term) => this.#lead(term, stop),
      log: this.#log,
    }).run(stop);
  }

  async #lead(term: Term, stop: AbortSignal): Promise<void> {
    const { connection } = this.#connections;
    const signal = AbortSignal.any([term.signal, stop]);
    const fenced = term.fence(connection);
    const now = () => connection.clock.now().getTime();
    const [runs, openJobs] = [new RunWriter(fenced), new OpenJobs(fenced, signal)];
    const follower = new Follower({
      runAt: (key) => this.#runs.get(key),
      runs,
      openJobs,
      openJob: (address) => this.#openJob({ ...address, apiUrl: this.#config.translation.girderApiUrl }),
      pace: new RequestPace(requestsPerSecond),
      now,
      signal,
      log: this.#log,
    });
    this.#follower = follower;
    for (const run of this.#runs.values()) follower.changed(run);
    const [cached, namespaces] = [() => this.#runs.values(), () => this.#runs.listedNamespaces];
    const upkeep = new OpenJobUpkeep({ openJobs, runs, cached, namespaces, follower, now, log: this.#log });
    this.#upkeep = upkeep;
    await upkeep.run(signal);
    [this.#follower, this.#upkeep] = [undefined, undefined];
    await follower.stop();
  }

  /** Messages name any address that their sender likes; requests go to the operator's Girder only. */
  #openJob(address: JobAddress): BridgeJob {
    const { girderApiUrl: apiUrl } = this.#config.translation;
    return new BridgeJob(
      { ...address, apiUrl },
      {
        onRequest: (result) => this.#metrics.count('dockerrun_bridge_job_requests_total', { result }),
      },
    );
  }

  /** The watch may have shown the run before the answer to its creation came; nothing would remove it then. */
  #created(key: string): void {
    if (this.#runs.get(key) === undefined) this.#taken.add(key);
  }

  #revoked(taskIds: readonly string[]): void {
    const revoked = new Set(taskIds);
    for (const run of this.#runs.values())
      if (revoked.has(run.taskId)) this.#follower?.lookAt(`${run.namespace}/${run.name}`);
  }

  /** Runs are those of all replicas, and only the leader lists them: Girder's page adds the workers up. */
  #state(): WorkerState {
    const { queues } = this.#config.translation;
    const queueOf = (namespace: string) => queues.find((one) => one.namespace === namespace)?.queue ?? '';
    const isLeading = this.#follower !== undefined;
    const all = this.#runs.listed(queueOf);
    return {
      name: this.#name,
      version,
      queues: queues.map(({ queue }) => queue),
      maxRuns: this.#config.maxRuns,
      accepted: isLeading ? this.#runs.values().length : 0,
      running: all.active.length,
      waiting: all.reserved.length,
      isLeading,
      ...(isLeading ? all : { active: [], reserved: [] }),
    };
  }

  #connected(isConnected: boolean): void {
    this.#isConnected = isConnected;
    this.#metrics.set('dockerrun_bridge_connected', {}, Number(isConnected));
    if (!isConnected) this.#metrics.count('dockerrun_bridge_disconnects_total', {});
  }

  async #serve(): Promise<readonly { close: () => Promise<void> }[]> {
    const { healthPort, metricsPort } = this.#config;
    const startedAt = performance.now();
    const livenessFailure = () => {
      const idle = { oldestWaitingAt: undefined, oldestActiveAt: undefined, lastFinishedAt: startedAt };
      const { oldestWaitingAt, oldestActiveAt, lastFinishedAt } = this.#follower?.queue ?? idle;
      const watches = this.#runs.signs;
      return liveness({ oldestWaitingAt, oldestActiveAt, lastFinishedAt, watches }, performance.now());
    };
    const isReady = () => this.#isConnected && this.#runs.isReady && this.#runs.listedNamespaces.size > 0;
    const health = await serveHealth({ port: healthPort, isReady, livenessFailure });
    return metricsPort === 0 ? [health] : [health, await serveMetrics(metricsPort, this.#metrics)];
  }

  #showMetrics(): void {
    const metrics = this.#metrics;
    metrics.onScrape(() => {
      for (const [queue, current] of this.#gates.obstacles)
        for (const obstacle of obstacles)
          metrics.set('dockerrun_bridge_held', { queue, obstacle }, Number(obstacle === current));
      metrics.set('dockerrun_bridge_messages_in_work', {}, this.#gates.inWork);
      metrics.set('dockerrun_bridge_consumers', {}, this.#consumers);
      metrics.set('dockerrun_bridge_unfinished_runs', {}, this.#runs.unfinished);
      metrics.set('dockerrun_bridge_leading', {}, Number(this.#follower !== undefined));
      const now = this.#connections.connection.clock.now().getTime();
      metrics.set('dockerrun_bridge_unreported_runs', {}, this.#runs.overdue(now));
    });
  }
}

/** In milliseconds, for one message. Far below RabbitMQ's `consumer_timeout` of 30 minutes. */
const takeMs = 60_000;
