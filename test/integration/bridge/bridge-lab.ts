import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRecord } from '../../../src/api/json-values.ts';
import { type OpenJob, openJobsSecret, parseOpenJob } from '../../../src/bridge/runs/open-jobs.ts';
import { recordAt, textAt } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { type MadeJob, severalJobs, storedJob } from '../../e2e/support/girder-job.ts';
import { succeed } from '../../e2e/support/shell.ts';
import { girderVenv } from '../../cluster/install/girder-venv.ts';
import { layout } from '../../cluster/layout.ts';
import { endpoints } from '../../cluster/network.ts';
import { expectHttpOk } from '../../cluster/health.ts';
import { Child } from '../../fixtures/child-process.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { type BrokerOptions, OwnBroker } from '../../fixtures/own-broker.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { until } from '../../fixtures/until.ts';
import { girderEnvironment } from '../girder/real-girder.ts';

/** The bridge with a translation of the tests, and the one of the image. */
const programs = {
  headers: [join(import.meta.dirname, 'bridge-child.ts')],
  messages: [join(import.meta.dirname, '../../../src/main.ts'), 'bridge'],
} as const;
const jobsAtOnce = 12;
const namespace = 'default';

/** What is special about a task; the rest is that of a `docker_run` of Girder. */
export type WantedTask = {
  readonly taskId?: string;
  readonly task?: string;
  readonly job?: MadeJob;
  readonly queue?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly body?: Buffer;
};

/** Addresses of proxies in front of the real parts. */
export type BridgeAddresses = {
  readonly broker?: string;
  readonly kubeconfig?: string;
  readonly girder?: string;
  /** What it reads of a task; the headers if absent. */
  readonly reads?: keyof typeof programs;
  /** A collector of traces. */
  readonly traces?: string;
  /** More variables of its environment. */
  readonly variables?: Readonly<Record<string, string>>;
};

/** A real RabbitMQ, API server and Girder, and bridges as processes of their own. No controller and no kubelet runs. */
export class BridgeLab implements AsyncDisposable {
  readonly broker: OwnBroker;
  readonly plane: ControlPlane;
  readonly openJobsPath = `${paths.secrets(namespace)}/${openJobsSecret}`;
  readonly #directory = new ScratchDirectory('dockerrun-bridge');
  readonly #bridges: BridgeProcess[] = [];
  #jobs: MadeJob[] = [];

  private constructor(broker: OwnBroker, plane: ControlPlane) {
    this.broker = broker;
    this.plane = plane;
  }

  static async start(options: BrokerOptions = {}): Promise<BridgeLab> {
    const broker = await OwnBroker.start(options);
    try {
      const lab = new BridgeLab(broker, await startControlPlane());
      await lab.makeOpenJobs();
      const channel = await broker.channel();
      // As Girder makes them.
      await channel.assertQueue('celery', { durable: true });
      await channel.assertQueue('local', { durable: true });
      await channel.assertExchange('celery.pidbox', 'fanout', { durable: false });
      await channel.assertExchange('reply.celery.pidbox', 'direct', { durable: false });
      await channel.close();
      return lab;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A bridge that is ready. */
  async bridge(settings: object = {}, addresses: BridgeAddresses = {}): Promise<BridgeProcess> {
    const bridge = await this.spawn(settings, addresses);
    await bridge.ready();
    return bridge;
  }

  /** A bridge that has been started. */
  async spawn(settings: object = {}, addresses: BridgeAddresses = {}): Promise<BridgeProcess> {
    const [healthPort = 0, metricsPort = 0] = await freePorts(2);
    const directory = join(this.#directory.path, randomUUID());
    mkdirSync(directory);
    const brokerFile = join(directory, 'url');
    writeFileSync(brokerFile, addresses.broker ?? this.broker.url('bridge'));
    const env = {
      PATH: process.env['PATH'],
      KUBECONFIG: addresses.kubeconfig ?? this.plane.kubeconfig,
      DOCKERRUN_BRIDGE_BROKER_FILE: brokerFile,
      DOCKERRUN_BRIDGE_SETTINGS: JSON.stringify({
        queues: [{ queue: 'celery', namespace }],
        girderApiUrl: addresses.girder ?? girderEnvironment().apiUrl,
        ...settings,
      }),
      DOCKERRUN_HEALTH_PORT: String(healthPort),
      DOCKERRUN_METRICS_PORT: String(metricsPort),
      ...(addresses.traces === undefined
        ? {}
        : {
            OTEL_EXPORTER_OTLP_ENDPOINT: addresses.traces,
            OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
            OTEL_BSP_SCHEDULE_DELAY: '100',
          }),
      ...addresses.variables,
    };
    const child = new Child(process.execPath, programs[addresses.reads ?? 'headers'], {
      logFile: join(directory, 'bridge.log'),
      env,
    });
    const bridge = new BridgeProcess(child, { healthPort, metricsPort });
    this.#bridges.push(bridge);
    return bridge;
  }

  /** A job of Girder's worker plugin in the state INACTIVE, with its token. */
  async job(): Promise<MadeJob> {
    if (this.#jobs.length === 0)
      this.#jobs = await severalJobs(
        Array.from(
          { length: jobsAtOnce },
          () => ({ handler: 'celery_handler', celeryTaskId: 'none' }) as const,
        ),
      );
    const job = this.#jobs.pop();
    if (job === undefined) throw new Error('Girder has made no job');
    return job;
  }

  /** Publishes a task as Girder does; returns its id. */
  async publish(wanted: WantedTask = {}): Promise<string> {
    const [taskId = ''] = await this.publishAll([wanted]);
    return taskId;
  }

  async publishAll(wanted: readonly WantedTask[]): Promise<string[]> {
    const channel = await this.broker.channel();
    const ids = wanted.map(({ taskId = randomUUID(), queue = 'celery', body = plainBody, ...task }) => {
      const options = { contentType: 'application/json', contentEncoding: 'utf-8', persistent: true };
      const headers = headersOf(taskId, task);
      channel.sendToQueue(queue, body, { ...options, correlationId: taskId, headers });
      return taskId;
    });
    await channel.close();
    return ids;
  }

  /** The names of all runs of the bridge. */
  async runs(): Promise<string[]> {
    const list = await this.plane.client.list(paths.dockerRuns(namespace));
    return list.map((run) => textAt(recordAt(run, 'metadata'), 'name') ?? '');
  }

  pathOf(taskId: string): string {
    return `${paths.dockerRuns(namespace)}/girder-${taskId}`;
  }

  secretOf(taskId: string): string {
    return `${paths.secrets(namespace)}/girder-${taskId}`;
  }

  /** Makes the Secret with the open jobs as the chart does: without entries. */
  async makeOpenJobs(): Promise<void> {
    await this.plane.client.create(paths.secrets(namespace), { metadata: { name: openJobsSecret } });
  }

  /** The entries of open jobs. */
  async openJobs(): Promise<OpenJob[]> {
    const data = recordAt(await this.plane.client.get(this.openJobsPath), 'data');
    return Object.entries(data).flatMap(([uid, value]) => parseOpenJob(uid, value) ?? []);
  }

  /** Waits until there is an entry of the job, or none. */
  async isOpen({ jobId }: MadeJob, wanted = true): Promise<void> {
    await until(`the job ${jobId} has ${wanted ? 'an' : 'no'} entry`, () => this.openJobs(), {
      holds: (jobs) => jobs.some((job) => job.jobId === jobId) === wanted,
      withinMs: 60_000,
      everyMs: 100,
      context: () => this.logs(),
    });
  }

  /** Waits for the run of a task and its Secret. */
  async run(taskId: string, withinMs = 30_000): Promise<Record<string, unknown>> {
    const found = await this.plane.client.until(this.pathOf(taskId), 'created', { withinMs });
    await this.plane.client.until(this.secretOf(taskId), 'created');
    return isRecord(found) ? found : {};
  }

  /** Reports a status of the run, as the controller does. */
  async report(taskId: string, status: object): Promise<void> {
    await this.plane.client.merge(`${this.pathOf(taskId)}/status`, { status });
  }

  /** Waits until the job has a status; the error has the logs of the bridges. */
  async jobIs({ jobId }: MadeJob, status: number, withinMs = 30_000): Promise<void> {
    await until(`the job is ${status}`, () => storedJob(jobId).then((job) => job.status), {
      holds: (seen) => seen === status,
      withinMs,
      everyMs: 100,
      context: () => this.logs(),
    });
  }

  /** Saves an older copy of the job, as slicer_cli_web does a moment after it has published the task. */
  async setBack({ jobId }: MadeJob): Promise<void> {
    const { host, port } = endpoints.mongo;
    const database = `GIRDER_MONGO_URI=mongodb://${host}:${port}/girder`;
    const script = join(layout.recipes, 'girder', 'set-back-job.py');
    await succeed('env', [database, join(girderVenv(), 'bin', 'python'), script, jobId]);
  }

  /** Waits until nothing is in the queue, neither waiting nor delivered. */
  async drained(queue = 'celery'): Promise<void> {
    // A message that was delivered and not acknowledged comes back when its connection ends, so the gauge counts too.
    const rest = async () => {
      const inWork = await Promise.all(this.#bridges.map((bridge) => bridge.inWork()));
      return (await this.broker.waiting(queue)) + inWork.reduce((sum, one) => sum + one, 0);
    };
    const context = () => this.logs();
    const holds = (left: number) => left === 0;
    await until('the queue is empty', rest, { holds, withinMs: 30_000, everyMs: 100, context });
  }

  /** The ends of the logs of all bridges. */
  logs(): string {
    return this.#bridges.map((bridge) => bridge.log.slice(-3_000)).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const bridge of this.#bridges) await bridge[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
    await this.plane[Symbol.asyncDispose]();
    this.#directory[Symbol.dispose]();
  }
}

/** One replica of the bridge. */
export class BridgeProcess implements AsyncDisposable {
  readonly #child: Child;
  readonly #ports: { readonly healthPort: number; readonly metricsPort: number };

  constructor(child: Child, ports: { readonly healthPort: number; readonly metricsPort: number }) {
    this.#child = child;
    this.#ports = ports;
  }

  get log(): string {
    return this.#child.log;
  }

  get isRunning(): boolean {
    return this.#child.isRunning;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  isReady(): Promise<boolean> {
    const url = `http://127.0.0.1:${this.#ports.healthPort}/readyz`;
    return expectHttpOk(url, AbortSignal.timeout(2_000)).then(
      () => true,
      () => false,
    );
  }

  async ready(isReady = true): Promise<void> {
    const holds = (seen: boolean) => {
      if (!this.isRunning) throw new Error(`the bridge ended: ${this.log.slice(-3_000)}`);
      return seen === isReady;
    };
    const options = { holds, withinMs: 60_000, everyMs: 50, context: () => this.log.slice(-3_000) };
    await until(`the bridge is ${isReady ? '' : 'not '}ready`, () => this.isReady(), options);
  }

  /** The value of a metric, summed over its series with this text in their labels. */
  async metric(name: string, labels = ''): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.#ports.metricsPort}/metrics`, {
      signal: AbortSignal.timeout(5_000),
    });
    const lines = (await response.text()).split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line));
    return lines
      .filter((line) => line.includes(labels))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Messages that it has taken and not acknowledged; 0 once it has ended. */
  inWork(): Promise<number> {
    return this.isRunning ? this.metric('dockerrun_bridge_messages_in_work') : Promise.resolve(0);
  }

  kill(): Promise<void> {
    return this.#child.kill();
  }

  /** Stops it as the kubelet does. */
  async stop(): Promise<void> {
    this.#child.signal('SIGTERM');
    await this.#child.ended(30_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

const plainBody = Buffer.from(
  '{"py/tuple": [{"py/tuple": ["busybox:1.36"]}, {"container_args": ["true"], "pull_image": false}, {"chain": null}]}',
);

function headersOf(
  id: string,
  { task, job, headers }: Omit<WantedTask, 'taskId' | 'queue' | 'body'>,
): object {
  const api = girderEnvironment().apiUrl;
  return {
    id,
    task: task ?? 'girder_worker.docker.tasks.docker_run',
    root_id: id,
    eta: null,
    timelimit: [null, null],
    retries: 0,
    girder_api_url: api,
    ...(job && {
      jobInfoSpec: {
        method: 'PUT',
        url: `${api}/job/${job.jobId}`,
        reference: job.jobId,
        headers: { 'Girder-Token': job.token },
        logPrint: true,
      },
    }),
    ...headers,
  };
}
