import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { jobName } from '../../../src/api/names.ts';
import { QuotaGate } from '../../../src/controller/apply/quota-gate.ts';
import { after, aRun } from '../../fixtures/builders.ts';
import { VirtualClock } from '../../fixtures/virtual-clock.ts';

type World = { clock: VirtualClock; gate: QuotaGate; woken: string[] };
const test = suite<World>('quota gate');

test.before.each((world) => {
  world.clock = new VirtualClock();
  world.woken = [];
  world.gate = new QuotaGate((key) => world.woken.push(key), world.clock);
});
test.after.each(({ gate }) => gate.stop());

const runAt = (seconds: number, namespace = 'lab') =>
  aRun({ metadata: { namespace, name: `run-${seconds}`, creationTimestamp: after(seconds).toISOString() } });
const keyOf = (run: ReturnType<typeof runAt>) => `${run.metadata.namespace}/${run.metadata.name}`;
const refusedBy = (run: ReturnType<typeof runAt>) => ({
  message: `jobs.batch "${jobName(run.metadata)}" is forbidden: exceeded quota: few, requested: count/jobs.batch=1, used: 2, limited: 2`,
  permanent: false,
});
const [first, second, third] = [runAt(1), runAt(2), runAt(3)];

test('while a quota refuses, one run asks and the others wait with its refusal, under their own names', ({
  gate,
}) => {
  for (const run of [first, second]) assert.is(gate.refusalFor(run), undefined);
  gate.answered(first, refusedBy(first));
  assert.equal(gate.refusalFor(second), refusedBy(second));
  assert.is(gate.refusalFor(runAt(1, 'elsewhere')), undefined);
});

test('the oldest run asks again, after a second at first, and at last within half a minute', async ({
  gate,
  clock,
  woken,
}) => {
  gate.answered(second, refusedBy(second));
  for (const run of [third, first, second]) gate.refusalFor(run);
  await clock.pass(1_000);
  assert.equal(woken, [keyOf(first)]);
  for (let time = 2; time <= 60; time += 1) {
    gate.answered(first, refusedBy(first));
    let seconds = 0;
    for (; woken.length < time; seconds += 1) await clock.pass(1_000);
    assert.ok(seconds <= 30, `${seconds} s`);
    assert.is(gate.refusalFor(first), undefined, 'it is its turn');
  }
  assert.ok(woken.every((key) => key === keyOf(first)));
});

test('once a run gets its Job, the next one asks at once, until the quota refuses again', async ({
  gate,
  clock,
  woken,
}) => {
  gate.answered(first, refusedBy(first));
  for (const run of [second, third]) gate.refusalFor(run);
  await clock.pass(1_000);
  gate.answered(first, undefined);
  gate.answered(second, undefined);
  assert.equal(woken, [first, second, third].map(keyOf));
  gate.answered(third, refusedBy(third));
  assert.equal(gate.refusalFor(first), refusedBy(first));
  await clock.pass(1_000);
  gate.answered(first, undefined);
  gate.answered(third, undefined);
  assert.is(gate.refusalFor(second), undefined, 'the namespace is open again when nobody waits');
});

test('a deleted Job lets a run ask within a second, however long the quota has refused', async ({
  gate,
  clock,
  woken,
}) => {
  for (let refusals = 0; refusals < 8; refusals += 1) {
    gate.answered(first, refusedBy(first));
    await clock.pass(30_000);
  }
  gate.answered(first, refusedBy(first));
  const before = woken.length;
  gate.jobDeleted('lab');
  await clock.pass(1_000);
  assert.is(woken.length, before + 1);
});

test('a run that does not take its turn loses it after five seconds', async ({ gate, clock, woken }) => {
  gate.answered(first, refusedBy(first));
  gate.refusalFor(second);
  await clock.pass(6_000);
  assert.equal(woken, [first, second].map(keyOf));
});

test('a refusal that concerns one run, such as that of a webhook, holds no other back', ({ gate }) => {
  gate.answered(first, { message: 'admission webhook "w" denied the request: no', permanent: false });
  gate.answered(first, { message: 'a: exceeded quota: b', permanent: true });
  assert.is(gate.refusalFor(second), undefined);
});

test.run();
