import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Holdup } from '../../../src/bridge/holdup.ts';
import { IntakeGate, QueueGates } from '../../../src/bridge/intake-gate.ts';
import type { NamespaceState } from '../../../src/bridge/runs/bridge-runs.ts';
import { TakenRuns } from '../../../src/bridge/taken-runs.ts';
import { VirtualClock } from '../../fixtures/virtual-clock.ts';

function aGate(unfinished = () => 0) {
  const clock = new VirtualClock();
  let standing: 'starting' | 'namespace' | undefined;
  const options = { standing: () => standing, unfinished, maxRuns: 10, clock, random: () => 1 };
  const stand = (obstacle: typeof standing) => (standing = obstacle);
  return { gate: new IntakeGate(options), clock, stand };
}

const girder = new Holdup('girder', 'Girder does not answer');

test('the room is what is left of the limit, without what is in work', () => {
  let unfinished = 7;
  const { gate } = aGate(() => unfinished);
  assert.is(gate.room, 3);
  const leave = gate.enter();
  assert.is(gate.room, 2);
  leave();
  unfinished = 12;
  assert.is(gate.room, 0);
  assert.is(gate.obstacle, 'capacity');
});

test('no message is taken before the runs are known, or while their namespace cannot be used', () => {
  const { gate, stand } = aGate();
  for (const obstacle of ['starting', 'namespace'] as const) {
    stand(obstacle);
    assert.is(gate.obstacle, obstacle);
    assert.is(gate.room, 0);
  }
  stand(undefined);
  assert.is(gate.room, 10);
});

function someGates(states: Readonly<Record<string, NamespaceState>>, unfinished = 0) {
  const queues = Object.keys(states).map((namespace) => ({ queue: `to-${namespace}`, namespace }));
  const isReady = () => !Object.values(states).includes('unknown');
  const stateOf = (namespace: string) => states[namespace] ?? 'unknown';
  return new QueueGates({ queues, maxRuns: 10, unfinished: () => unfinished, isReady, stateOf });
}

test('what one queue waits for does not hold up another', () => {
  const gates = someGates({ a: 'listed', b: 'refused', c: 'listed' });
  gates.of('to-c').hold(girder);
  assert.equal(gates.obstacles, [
    ['to-a', undefined],
    ['to-b', 'namespace'],
    ['to-c', 'girder'],
  ]);
});

test('all queues share the limit of runs', () => {
  const gates = someGates({ a: 'listed', b: 'listed' }, 7);
  const leave = gates.of('to-a').enter();
  assert.is(gates.inWork, 1);
  assert.equal([gates.of('to-a').room, gates.of('to-b').room], [2, 2]);
  leave();
  assert.equal([gates.of('to-a').room, gates.of('to-b').room], [3, 3]);
});

test('no queue is served before the runs of all namespaces are counted', () => {
  const gates = someGates({ a: 'listed', b: 'unknown', c: 'refused' });
  assert.equal(
    gates.obstacles.map(([, obstacle]) => obstacle),
    ['starting', 'starting', 'starting'],
  );
});

test('after a failure, messages wait longer each time, and a minute at most', async () => {
  const { gate, clock } = aGate();
  const waits: number[] = [];
  for (let failures = 0; failures < 9; failures += 1) {
    gate.hold(girder);
    // Others that fail at the same time count as one.
    gate.hold(girder);
    const began = clock.now();
    while (gate.obstacle === 'girder') await clock.pass(500);
    waits.push(clock.now() - began);
  }
  assert.equal(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  gate.passed();
  gate.hold(girder);
  await clock.pass(1_000);
  assert.is(gate.obstacle, undefined);
});

test('a run counts from its creation, until the cache has it or a minute has passed', () => {
  let now = 0;
  const taken = new TakenRuns(() => now);
  taken.add('a');
  taken.add('b');
  taken.seen('a');
  assert.is(taken.count, 1);
  now = 60_000;
  assert.is(taken.count, 0);
});

test.run();
