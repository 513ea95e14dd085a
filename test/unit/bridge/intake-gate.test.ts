import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Holdup } from '../../../src/bridge/holdup.ts';
import { IntakeGate } from '../../../src/bridge/intake-gate.ts';
import { TakenRuns } from '../../../src/bridge/taken-runs.ts';
import { VirtualClock } from '../../fixtures/virtual-clock.ts';

function aGate(unfinished = () => 0) {
  const clock = new VirtualClock();
  let isReady = true;
  const options = { isReady: () => isReady, unfinished, maxRuns: 10, clock, random: () => 1 };
  const setReady = (value: boolean) => (isReady = value);
  return { gate: new IntakeGate(options), clock, setReady };
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

test('no message is taken before the runs are known', () => {
  const { gate, setReady } = aGate();
  setReady(false);
  assert.is(gate.obstacle, 'starting');
  assert.is(gate.room, 0);
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
