import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { TaskGroup, TaskLimit } from '../../../src/support/task-group.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { running } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { crashEverywhere, type CrashedRun } from './crash-points.ts';
import type { Outcome } from './run-outcome.ts';
import { allowHostPaths, type Scenario, scenarios } from './crash-scenarios.ts';

/**
 * The method of Sieve (https://github.com/sieve-project/sieve) in small: the controller is killed at each of
 * its writes, and its successor must bring the run to the same end. The Jobs are those of the real Job
 * controller.
 */
type Crashes = { stack: AsyncDisposableStack; executions: Map<string, Promise<CrashedRun[]>> };
const test = suite<Crashes>('crashes of the controller');

test.before(async (crashes) => {
  const stack = new AsyncDisposableStack();
  crashes.stack = stack;
  const plane = stack.use(await startControlPlane());
  const cluster = stack.use(await SimulatedCluster.start(plane, { jobController: 'real', worker: running }));
  await allowHostPaths(plane.client);
  const world = { plane, cluster, inTurn: withConcurrency(4) };
  const executions = Object.values(scenarios).map((scenario: Scenario) => {
    const execution = crashEverywhere(world, scenario);
    // The test of the scenario reports it.
    execution.catch(() => undefined);
    return [scenario.name, execution] as const;
  });
  crashes.executions = new Map(executions);
});

test.after(async ({ stack, executions }) => {
  await Promise.allSettled(executions.values());
  await stack.disposeAsync();
});

/** Limits how many executions run at once; they spend most of their time waiting. */
function withConcurrency(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  const turns = new TaskLimit(new TaskGroup(new AbortController().signal), atOnce);
  return (work) =>
    new Promise((resolve, reject) => {
      void turns.start(() => work().then(resolve, reject));
    });
}

/**
 * Asserts that every crash leads to the same outcome. Events on the way may be missing, but never occur
 * twice; the Event of the end always occurs, unless the API server did not accept it.
 */
async function endsTheSame(
  { executions }: Crashes,
  { name, writes, ends, mayMissPods }: Scenario,
): Promise<void> {
  const runs = (await executions.get(name)) ?? [];
  const uncrashed = runs.find(({ wasPlanned }) => !wasPlanned);
  if (uncrashed === undefined) throw new Error(`no execution of ${name} without a crash`);
  console.log(`${name}: ${uncrashed.writes.join(', ')}`);
  const comparable = ({ events: _, attempts, ...rest }: Outcome) =>
    mayMissPods === true ? rest : { ...rest, attempts };
  for (const { run, outcome, ...how } of runs) {
    const { events } = outcome;
    const details = `${run} has the Events ${events.join()}: ${JSON.stringify(how)}`;
    assert.equal(comparable(outcome), comparable(uncrashed.outcome), details);
    const onTheWay = events.filter((reason) => reason !== ends);
    const hasNoEvent = how.warnings.some(({ msg }) => msg === 'cannot record Event');
    const endings = events.length - onTheWay.length;
    assert.ok(endings === 1 || (endings === 0 && hasNoEvent), details);
    assert.equal(onTheWay, [...new Set(onTheWay)], details);
  }
  const killed = runs.filter(({ wasKilled }) => wasKilled);
  // Which Events and writes occur on the way depends on how fast the machine is.
  const least = Math.min(writes, uncrashed.writes.length) - 2;
  assert.ok(killed.length >= 2 * least, `only ${killed.length} crashes`);
}

test('an ordinary run ends the same after a crash', (crashes) => endsTheSame(crashes, scenarios.ordinary));
test('a run whose two attempts fail ends the same after a crash', (crashes) =>
  endsTheSame(crashes, scenarios.retried));
test('a run that is cancelled before it runs ends the same after a crash', (crashes) =>
  endsTheSame(crashes, scenarios.cancelledEarly));
test('a run that is cancelled while it runs ends the same after a crash', (crashes) =>
  endsTheSame(crashes, scenarios.cancelled));
test('a run that is suspended and resumed ends the same after a crash', (crashes) =>
  endsTheSame(crashes, scenarios.suspended));
test('a queued run that is suspended and resumed at once ends the same after a crash', (crashes) =>
  endsTheSame(crashes, scenarios.hasty));
test('a run whose time to live is over is deleted after a crash, with all that it had', (crashes) =>
  endsTheSame(crashes, scenarios.deleted));
test('a run that a quota delays ends the same after a crash', (crashes) =>
  endsTheSame(crashes, scenarios.refused));
test('a run whose worker is lost gets one cleanup, and ends the same after a crash', (crashes) =>
  endsTheSame(crashes, scenarios.lost));

test('the controller was killed at 120 moments at least', async ({ executions }) => {
  const runs = (await Promise.all(executions.values())).flat();
  const moments = runs.filter(({ wasKilled }) => wasKilled).length;
  console.log(`${moments} moments`);
  assert.ok(moments >= 120);
});

test.run();
