import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ApiProxy } from '../../fixtures/api-proxy.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { Scrape } from '../../fixtures/scrape.ts';
import { running } from '../../fixtures/scripted-run.ts';
import type { ClusterRecord } from '../../fixtures/cluster-record.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { brokenPromises, unfounded, unsettled } from './model-checks.ts';
import { type Happening, happenings, ModelRun } from './model-run.ts';
import { type Random, seededRandom } from './seeded-random.ts';

const runsOfEach = 8;
const backoffLimit = 1;
const roughMs = 20_000;
/** Two waits of the Job controller, the second for twenty seconds. */
const calmMs = 60_000;

/** The controllers that there are, and what can happen to them and to their way to the API server. */
class Operator implements AsyncDisposable {
  readonly #proxy: ApiProxy;
  readonly #kubeconfig: string;
  #controllers: ControllerProcess[] = [];
  #metricsPort = 0;

  constructor(proxy: ApiProxy, kubeconfig: string) {
    this.#proxy = proxy;
    this.#kubeconfig = kubeconfig;
  }

  async start(): Promise<void> {
    [this.#metricsPort = 0] = await freePorts(1);
    const environment = {
      ...{ DOCKERRUN_LEADER_ELECTION: 'false', DOCKERRUN_METRICS_PORT: String(this.#metricsPort) },
    };
    this.#controllers.push(await ControllerProcess.start(this.#kubeconfig, environment));
  }

  /** Kills the controller as a power cut would; another one follows. */
  async crash(): Promise<void> {
    await this.#controllers.at(-1)?.kill();
    await this.start();
  }

  /** Another one works before the first is told to stop, as when a Lease goes over while the first hangs. */
  async handOver(): Promise<void> {
    const first = this.#controllers.at(-1);
    await this.start();
    await first?.stop();
  }

  /** Waits until the last controller has nothing to do. */
  async comesToRest(): Promise<void> {
    await Scrape.atRest(this.#metricsPort);
  }

  async beBusy(random: Random): Promise<void> {
    const busy = { status: 429, reason: 'TooManyRequests', retryAfter: 1 };
    const calls = [
      ...([
        ['patch', 'dockerruns/status'],
        ['create', 'jobs'],
        ['patch', 'jobs'],
      ] as const),
      ...([
        ['delete', 'jobs'],
        ['create', 'events'],
      ] as const),
    ];
    for (const [verb, resource] of calls) this.#proxy.fail(verb, resource, busy, 1 + random.below(3));
  }

  async reset(): Promise<void> {
    this.#proxy.resetAll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const controller of this.#controllers) await controller[Symbol.asyncDispose]();
  }
}

/** One thing after another happens to some runs, for some time; gives what happened. */
async function roughTime(
  cluster: SimulatedCluster,
  runs: readonly ModelRun[],
  random: Random,
): Promise<string[]> {
  const story: string[] = [];
  for (const run of runs) await cluster.client.create('/api/v1/namespaces', { metadata: { name: run.name } });
  const waiting = [...runs];
  const end = performance.now() + roughMs;
  while (performance.now() < end) {
    const next = waiting.length > 0 && random.below(6) === 0 ? waiting.shift() : undefined;
    if (next !== undefined) {
      await next.apply({ backoffLimit });
      story.push(`${next.name} create`);
    } else {
      const run = random.of(runs.filter(({ uid }) => uid !== ''));
      const what: Happening = random.of(happenings) ?? 'start';
      if (run !== undefined && (await run.happen(what))) story.push(`${run.name} ${what}`);
    }
    await sleep(random.below(120));
  }
  return story;
}

async function roughOperator(operator: Operator, random: Random): Promise<string[]> {
  const story: string[] = [];
  const mishaps = ['crash', 'crash', 'handOver', 'beBusy', 'reset'] as const;
  const end = performance.now() + roughMs;
  while (performance.now() < end) {
    const what = random.of(mishaps) ?? 'crash';
    await operator[what](random);
    story.push(what);
    await sleep(300 + random.below(1_500));
  }
  return story;
}

/** Lets every pod run and succeed until all runs are as they should be; gives what is not. */
async function calmDown(record: ClusterRecord, runs: readonly ModelRun[]): Promise<string[]> {
  const end = performance.now() + calmMs;
  for (;;) {
    for (const run of runs) {
      const hasStarted = await run.happen('start');
      if (!hasStarted) await run.happen('succeed');
    }
    const left = runs.flatMap((run) => unsettled(record, run));
    if (left.length === 0 || performance.now() > end) return left;
    await sleep(250);
  }
}

test('whatever happens to runs, to their controller and to its connections, the promises hold and all comes to rest', async () => {
  const seeds = [20_260_102, Number(process.env['MODEL_SEED'] ?? randomInt(2 ** 31))];
  await using plane = await startControlPlane();
  await using cluster = await SimulatedCluster.start(plane, { jobController: 'real', worker: running });
  const { kubelet, record } = cluster;
  await using proxy = await ApiProxy.start(plane);
  await using operator = new Operator(proxy, plane.kubeconfigFor(proxy.url));
  await operator.start();
  const lives = seeds.map((seed, index) => {
    const runs = Array.from(
      { length: runsOfEach },
      (_, each) => new ModelRun(cluster, `run-${index}${each}`),
    );
    return { runs, random: seededRandom(seed) };
  });
  const stories = await Promise.all([
    ...lives.map(({ runs, random }) => roughTime(cluster, runs, random)),
    roughOperator(operator, seededRandom(seeds[1] ?? 0)),
  ]);
  console.log(`seeds ${seeds.join(' and ')}: ${stories.map((story) => story.length).join(', ')} happenings`);
  const runs = lives.flatMap((life) => life.runs).filter(({ uid }) => uid !== '');
  const left = await calmDown(record, runs);
  const story = stories.map((each) => each.join(', ')).join('\n');
  assert.equal(left, [], `all comes to rest\n${story}`);
  await operator.comesToRest();
  await record.catchesUp();
  const problems = runs.flatMap((run) => [
    ...brokenPromises(record, run),
    ...unfounded(record, run, backoffLimit),
    ...unsettled(record, run),
  ]);
  console.log(runs.map(({ name, status }) => `${name} ${String(status['reason'])}`).join(', '));
  assert.equal(problems, [], `the promises hold\n${story}`);
  assert.equal(kubelet.failures, []);
});

test.run();
