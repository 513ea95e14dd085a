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
const actionsMs = 20_000;
/** Longer than two back-offs of the Job controller, of which the second lasts 20 s. */
const settleMs = 180_000;

/** The running controllers, and the faults that can happen to them and to their connections. */
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

  /** Kills the controller without a clean stop, then starts another one. */
  async crash(): Promise<void> {
    await this.#controllers.at(-1)?.kill();
    await this.start();
  }

  /** Starts another one before the first is stopped, as when a Lease changes hands while its holder hangs. */
  async handOver(): Promise<void> {
    const first = this.#controllers.at(-1);
    await this.start();
    await first?.stop();
  }

  /** Waits until the last controller is idle. */
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

/** Applies random actions to some runs for `actionsMs` milliseconds, and returns the list of them. */
async function applyRandomActions(
  cluster: SimulatedCluster,
  runs: readonly ModelRun[],
  random: Random,
): Promise<string[]> {
  const history: string[] = [];
  for (const run of runs) await cluster.client.create('/api/v1/namespaces', { metadata: { name: run.name } });
  const waiting = [...runs];
  const end = performance.now() + actionsMs;
  while (performance.now() < end) {
    const next = waiting.length > 0 && random.below(6) === 0 ? waiting.shift() : undefined;
    if (next !== undefined) {
      await next.apply({ backoffLimit });
      history.push(`${next.name} create`);
    } else {
      const run = random.of(runs.filter(({ uid }) => uid !== ''));
      const what: Happening = random.of(happenings) ?? 'start';
      if (run !== undefined && (await run.happen(what))) history.push(`${run.name} ${what}`);
    }
    await sleep(random.below(120));
  }
  return history;
}

async function applyRandomFaults(operator: Operator, random: Random): Promise<string[]> {
  const history: string[] = [];
  const faults = ['crash', 'crash', 'handOver', 'beBusy', 'reset'] as const;
  const end = performance.now() + actionsMs;
  while (performance.now() < end) {
    const what = random.of(faults) ?? 'crash';
    await operator[what](random);
    history.push(what);
    await sleep(300 + random.below(1_500));
  }
  return history;
}

/** Lets every pod run and succeed until all runs are settled, and returns the problems that are left. */
async function settle(record: ClusterRecord, runs: readonly ModelRun[]): Promise<string[]> {
  const end = performance.now() + settleMs;
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

test('the invariants hold and all runs settle after random changes, crashes and connection faults', async () => {
  const seeds = [20_260_102, Number(process.env['MODEL_SEED'] ?? randomInt(2 ** 31))];
  await using plane = await startControlPlane();
  await using cluster = await SimulatedCluster.start(plane, { jobController: 'real', worker: running });
  const { kubelet, record } = cluster;
  await using proxy = await ApiProxy.start(plane);
  await using operator = new Operator(proxy, plane.kubeconfigFor(proxy.url));
  await operator.start();
  const groups = seeds.map((seed, index) => {
    const runs = Array.from(
      { length: runsOfEach },
      (_, each) => new ModelRun(cluster, `run-${index}${each}`),
    );
    return { runs, random: seededRandom(seed) };
  });
  const histories = await Promise.all([
    ...groups.map(({ runs, random }) => applyRandomActions(cluster, runs, random)),
    applyRandomFaults(operator, seededRandom(seeds[1] ?? 0)),
  ]);
  console.log(
    `seeds ${seeds.join(' and ')}: ${histories.map((history) => history.length).join(', ')} actions`,
  );
  const runs = groups.flatMap((group) => group.runs).filter(({ uid }) => uid !== '');
  const left = await settle(record, runs);
  const history = histories.map((each) => each.join(', ')).join('\n');
  assert.equal(left, [], `all runs settle\n${history}`);
  await operator.comesToRest();
  await record.catchesUp();
  const problems = runs.flatMap((run) => [
    ...brokenPromises(record, run),
    ...unfounded(record, run, backoffLimit),
    ...unsettled(record, run),
  ]);
  console.log(runs.map(({ name, status }) => `${name} ${String(status['reason'])}`).join(', '));
  assert.equal(problems, [], `the invariants hold\n${history}`);
  assert.equal(kubelet.failures, []);
});

test.run();
