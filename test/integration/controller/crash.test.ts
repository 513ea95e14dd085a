import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TaskGroup, TaskLimit } from '../../../src/support/task-group.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { running } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { crashEverywhere, type CrashedRun } from './crash-points.ts';
import type { Outcome } from './run-outcome.ts';
import { allowHostPaths, type Scenario, scenarios } from './crash-scenarios.ts';

/**
 * The method of Sieve (https://github.com/sieve-project/sieve) in small: the controller is killed at each of its writes, and
 * whoever comes after it must bring the run to the same end. The Jobs are those of the real Job controller.
 */
type Crashes = { stack: AsyncDisposableStack; lives: Map<string, Promise<CrashedRun[]>> };
const test = suite<Crashes>('crashes of the controller');

test.before(async (crashes) => {
  const stack = new AsyncDisposableStack();
  crashes.stack = stack;
  const plane = stack.use(await startControlPlane());
  const cluster = stack.use(await SimulatedCluster.start(plane, { jobController: 'real', worker: running }));
  await allowHostPaths(plane.client);
  const world = { plane, cluster, inTurn: inTurns(4) };
  const lives = Object.values(scenarios).map((scenario: Scenario) => {
    const life = crashEverywhere(world, scenario);
    // Its own test tells.
    life.catch(() => undefined);
    return [scenario.name, life] as const;
  });
  crashes.lives = new Map(lives);
});

test.after(async ({ stack, lives }) => {
  await Promise.allSettled(lives.values());
  await stack.disposeAsync();
});

/** Lets so many things be done at once: most of their time is waiting. */
function inTurns(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  const turns = new TaskLimit(new TaskGroup(new AbortController().signal), atOnce);
  return (work) =>
    new Promise((resolve, reject) => {
      void turns.start(() => work().then(resolve, reject));
    });
}

/**
 * Says the same of every crash, but for Events on the way: those are told once at most, and the one of the end always,
 * unless the API server did not take it.
 */
async function endsTheSame({ lives }: Crashes, { name, writes, ends, mayMissPods }: Scenario): Promise<void> {
  const runs = (await lives.get(name)) ?? [];
  const unharmed = runs.find(({ wasPlanned }) => !wasPlanned);
  if (unharmed === undefined) throw new Error(`no life of ${name} without a crash`);
  console.log(`${name}: ${unharmed.writes.join(', ')}`);
  const comparable = ({ events: _, attempts, ...rest }: Outcome) =>
    mayMissPods === true ? rest : { ...rest, attempts };
  for (const { run, outcome, ...how } of runs) {
    const { events } = outcome;
    const told = `${run} told ${events.join()}: ${JSON.stringify(how)}`;
    assert.equal(comparable(outcome), comparable(unharmed.outcome), told);
    const onTheWay = events.filter((reason) => reason !== ends);
    const hasNoEvent = how.warnings.some(({ msg }) => msg === 'cannot record Event');
    const endings = events.length - onTheWay.length;
    assert.ok(endings === 1 || (endings === 0 && hasNoEvent), told);
    assert.equal(onTheWay, [...new Set(onTheWay)], told);
  }
  const killed = runs.filter(({ wasKilled }) => wasKilled);
  // What is told on the way, and not, depends on how fast the machine is.
  const least = Math.min(writes, unharmed.writes.length) - 2;
  assert.ok(killed.length >= 2 * least, `only ${killed.length} crashes`);
}

test('an ordinary run ends the same', (crashes) => endsTheSame(crashes, scenarios.ordinary));
test('a run whose two attempts fail ends the same', (crashes) => endsTheSame(crashes, scenarios.retried));
test('a run that is cancelled before it runs ends the same', (crashes) =>
  endsTheSame(crashes, scenarios.cancelledEarly));
test('a run that is cancelled while it runs ends the same', (crashes) =>
  endsTheSame(crashes, scenarios.cancelled));
test('a run that is suspended and goes on ends the same', (crashes) =>
  endsTheSame(crashes, scenarios.suspended));
test('a run in a queue that is suspended and let go on at once ends the same', (crashes) =>
  endsTheSame(crashes, scenarios.hasty));
test('a run whose time to live is over is gone, with all that it had', (crashes) =>
  endsTheSame(crashes, scenarios.deleted));
test('a run that a quota refuses for some time ends the same', (crashes) =>
  endsTheSame(crashes, scenarios.refused));
test('a run whose worker is lost is cleaned up after once, and ends the same', (crashes) =>
  endsTheSame(crashes, scenarios.lost));

test.run();
