import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  claimOf,
  heldBy,
  isTermOver,
  type Lease,
  leaseTiming,
  parseLease,
  released,
  sight,
} from '../../../src/kube/lease.ts';
import { type Candidate, LeaseWorld, overlap } from './lease-world.ts';

const lease: Lease = {
  holder: 'other',
  durationMs: 15_000,
  acquireTime: '2026-01-01T00:00:00.000000Z',
  renewTime: '2026-01-01T00:00:10.000000Z',
  transitions: 3,
  resourceVersion: '7',
};

test('a lease that is not there is created, one that nobody holds is taken, the own one is renewed', () => {
  assert.is(claimOf({ lease: undefined, since: 0 }, 'me', 1), 'create');
  assert.is(claimOf({ lease: { ...lease, holder: '' }, since: 0 }, 'me', 1), 'take');
  assert.is(claimOf({ lease: { ...lease, holder: 'me' }, since: 0 }, 'me', 1e9), 'renew');
});

test("another's lease is taken when it did not change for longer than it lasts, by the clock of who looks", () => {
  assert.is(claimOf({ lease, since: 100 }, 'me', 15_100), 'wait');
  assert.is(claimOf({ lease, since: 100 }, 'me', 15_101), 'take');
});

test('only its holder makes a lease younger: a write of somebody else to the object does not', () => {
  const first = sight(undefined, lease, 1000);
  assert.is(first.since, 1000);
  const annotated = sight(first, { ...lease, resourceVersion: '8' }, 2000);
  assert.equal(annotated, { lease: { ...lease, resourceVersion: '8' }, since: 1000 });
  assert.is(sight(annotated, { ...lease, renewTime: 'later' }, 3000).since, 3000);
  assert.is(sight(annotated, undefined, 4000).since, 4000);
});

test('a leader stops before anybody may take its lease, with room for three tries to renew it', () => {
  const { durationMs, renewDeadlineMs, renewMs, retryMs, requestMs } = leaseTiming;
  assert.not(isTermOver(0, renewDeadlineMs - 1, leaseTiming));
  assert.ok(isTermOver(0, renewDeadlineMs, leaseTiming));
  assert.ok(renewDeadlineMs * 1.5 <= durationMs);
  assert.ok(renewMs + 2 * (requestMs + retryMs) <= renewDeadlineMs);
});

test('a lease is written as client-go writes it', () => {
  const at = new Date('2026-02-03T04:05:06.789Z');
  const now = '2026-02-03T04:05:06.789000Z';
  const spec = { holderIdentity: 'me', leaseDurationSeconds: 12, acquireTime: now, renewTime: now };
  assert.equal(heldBy('me', undefined, leaseTiming, at), { ...spec, leaseTransitions: 0 });
  assert.equal(heldBy('me', lease, leaseTiming, at), { ...spec, leaseTransitions: 4 });
  const own = { ...lease, holder: 'me' };
  const renewed = { ...spec, acquireTime: lease.acquireTime, leaseTransitions: 3 };
  assert.equal(heldBy('me', own, leaseTiming, at), renewed);
  assert.equal(released(at), { ...spec, holderIdentity: '', leaseDurationSeconds: 1 });
});

test('a lease of any other program is read, also one without any field', () => {
  const metadata = { resourceVersion: '7' };
  const { holder, acquireTime, renewTime } = lease;
  const times = { acquireTime, renewTime, leaseDurationSeconds: 15 };
  const spec = { holderIdentity: holder, leaseTransitions: 3, ...times };
  assert.equal(parseLease({ metadata, spec }), lease);
  const empty = { holder: '', durationMs: 0, acquireTime: '', renewTime: '', transitions: 0 };
  assert.equal(parseLease({ metadata }), { ...empty, resourceVersion: '7' });
});

/** Mostly quick messages, some of them very late: a lost answer, a loaded processor, a process that stood still. */
const delay = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 50 }) },
  { weight: 2, arbitrary: fc.integer({ min: 50, max: 6_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 6_000, max: 40_000 }) },
);

const candidates = (rate: { min: number; max: number }): fc.Arbitrary<Candidate[]> =>
  fc.array(
    fc.record({
      rate: fc.double({ ...rate, noNaN: true }),
      offset: fc.integer({ min: 0, max: 1_000_000 }),
      delays: fc.array(delay, { minLength: 5, maxLength: 60 }),
      stopsAt: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 100_000 })),
    }),
    { minLength: 2, maxLength: 3 },
  );

const worldMs = 150_000;

test('no two lead at once, however late messages are, while no clock runs half as fast again as another', () => {
  fc.assert(
    fc.property(candidates({ min: 0.82, max: 1.18 }), (all) => {
      const reigns = new LeaseWorld(leaseTiming, all).run(worldMs);
      assert.is(overlap(reigns), undefined, JSON.stringify(overlap(reigns)));
    }),
    { numRuns: 300 },
  );
});

test('these worlds tell a bad rule: with a deadline as long as the lease, two do lead at once', () => {
  const careless = { ...leaseTiming, renewDeadlineMs: leaseTiming.durationMs };
  const property = fc.property(candidates({ min: 0.82, max: 1.18 }), (all) => {
    return overlap(new LeaseWorld(careless, all).run(worldMs)) === undefined;
  });
  assert.ok(fc.check(property, { numRuns: 3_000, seed: 1 }).failed);
});

test('somebody leads most of the time when messages arrive, and a clean stop is followed within two seconds', () => {
  const quick = { rate: 1, offset: 0, delays: [5] };
  const reigns = new LeaseWorld(leaseTiming, [
    { ...quick, stopsAt: 20_000 },
    { ...quick, delays: [7], stopsAt: Infinity },
  ]).run(worldMs);
  const second = reigns.find(({ who }) => who === 1);
  assert.ok(second !== undefined && second.from > 20_000 && second.from < 22_000, String(second?.from));
  assert.is(reigns.at(-1)?.who, 1);
});

test.run();
