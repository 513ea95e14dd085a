import type { ControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { HoldingProxy, type Moment } from '../../fixtures/holding-proxy.ts';
import { until } from '../../fixtures/until.ts';
import { Scrape } from '../../fixtures/scrape.ts';
import { ScriptedRun } from '../../fixtures/scripted-run.ts';
import type { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import type { Scenario } from './crash-scenarios.ts';
import { type Outcome, outcomeOf } from './run-outcome.ts';

/** The result of a run whose controller was, or was not, killed at a chosen moment. */
export type CrashedRun = {
  readonly run: string;
  /** The controller's writes up to the end of the run, or up to the kill, such as `create jobs`. */
  readonly writes: readonly string[];
  /** Whether a kill was planned, and whether its moment came before the run ended. */
  readonly wasPlanned: boolean;
  readonly wasKilled: boolean;
  readonly outcome: Outcome;
  /** The warnings in the controllers' logs. */
  readonly warnings: readonly Record<string, unknown>[];
};

type World = {
  readonly plane: ControlPlane;
  readonly cluster: SimulatedCluster;
  /** Limits concurrency: one machine cannot run a controller for each batch at once. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
};

/** How many runs can be held at once without blocking others: concurrentReconciles, less two. */
const maxHeld = 14;

/** The level of pino. */
const warnLevel = 40;

/** Longer than a run waits for any of its conditions. */
const holdingMs = 120_000;

/**
 * Runs a scenario once without a crash, as `<name>-0`, and once for each moment at which the controller can
 * be killed: right before its nth write, and right after it, before the answer arrives. The runs of one
 * controller are held until all have reached their moments, so that one kill is enough; then another
 * controller takes over.
 */
export async function crashEverywhere(world: World, scenario: Scenario): Promise<CrashedRun[]> {
  const moments = Array.from({ length: scenario.writes }, (_, index) => index + 1).flatMap(
    (nth): Moment[] => [
      { nth, when: 'before' },
      { nth, when: 'after' },
    ],
  );
  const batches: Moment[][] = [];
  for (let at = 0; at < moments.length; at += maxHeld) batches.push(moments.slice(at, at + maxHeld));
  const crashed = await Promise.all(
    batches.map((batch, index) => world.inTurn(() => crashAt(world, { scenario, batch, index }))),
  );
  return crashed.flat();
}

async function crashAt(
  { plane, cluster }: World,
  { scenario, batch, index }: { scenario: Scenario; batch: readonly Moment[]; index: number },
): Promise<CrashedRun[]> {
  const label = { 'crash-test': `${scenario.name}-${index}` };
  await using proxy = await HoldingProxy.start(plane, `crash-test=${scenario.name}-${index}`);
  const kubeconfig = plane.kubeconfigFor(proxy.url);
  await using first = await startController(kubeconfig);
  const names = new Map(batch.map((moment) => [`${scenario.name}-${moment.nth}-${moment.when}`, moment]));
  if (index === 0) names.set(`${scenario.name}-0`, { nth: 0, when: 'before' });
  const runs = [...names.keys()].map((name) => new ScriptedRun(cluster, name));
  const ended = new Set<string>();
  const executions = runs.map(async (run) => {
    proxy.watch(run.name, names.get(run.name));
    await execute(run, { scenario, label, cluster });
    ended.add(run.name);
  });
  const all = Promise.all(executions);
  const isEndedOrHeld = ({ name }: ScriptedRun) => ended.has(name) || proxy.isHeld(name);
  await Promise.race([
    all,
    until('every run has ended or is held', () => runs.every(isEndedOrHeld), { withinMs: holdingMs }),
  ]);
  const held = new Set(runs.filter(({ name }) => proxy.isHeld(name)).map(({ name }) => name));
  await first.kill();
  proxy.drop();
  const [metricsPort = 0] = await freePorts(1);
  await using second = await startController(kubeconfig, metricsPort);
  await all;
  await Scrape.atRest(metricsPort);
  await cluster.record.catchesUp();
  const warnings = [...first.log, ...second.log].filter(({ level }) => Number(level) >= warnLevel);
  return runs.map((run) => ({
    run: run.name,
    warnings: warnings.filter(({ dockerRun }) => dockerRun === `${run.name}/${run.name}`),
    writes: proxy.writesIn(run.name),
    wasPlanned: run.name !== `${scenario.name}-0`,
    wasKilled: held.has(run.name),
    outcome: outcomeOf(cluster.record, run),
  }));
}

async function execute(
  run: ScriptedRun,
  {
    scenario,
    label,
    cluster,
  }: { scenario: Scenario; label: Record<string, string>; cluster: SimulatedCluster },
): Promise<void> {
  const { client } = cluster;
  await client.create('/api/v1/namespaces', { metadata: { name: run.name } });
  await scenario.prepare?.(client, run.name);
  await run.apply(scenario.spec, { ...label, ...scenario.labels });
  await scenario.act(run, client);
}

function startController(kubeconfig: string, metricsPort = 0): Promise<ControllerProcess> {
  return ControllerProcess.start(kubeconfig, {
    ...{ DOCKERRUN_LEADER_ELECTION: 'false', DOCKERRUN_METRICS_PORT: String(metricsPort) },
  });
}
