import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  claimOf,
  heldSpec,
  isTermOver,
  type Lease,
  leaseTiming,
  parseLease,
  releasedSpec,
  trackLease,
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

test('a missing lease is created, a free one is taken, and our own is renewed', () => {
  assert.is(claimOf({ lease: undefined, since: 0 }, 'me', 1), 'create');
  assert.is(claimOf({ lease: { ...lease, holder: '' }, since: 0 }, 'me', 1), 'take');
  assert.is(claimOf({ lease: { ...lease, holder: 'me' }, since: 0 }, 'me', 1e9), 'renew');
});

test('a lease of another holder is taken when our clock saw no change for longer than its duration', () => {
  assert.is(claimOf({ lease, since: 100 }, 'me', 15_100), 'wait');
  assert.is(claimOf({ lease, since: 100 }, 'me', 15_101), 'take');
});

test('only a write of its holder extends a lease, not any write to the object', () => {
  const first = trackLease(undefined, lease, 1000);
  assert.is(first.since, 1000);
  const annotated = trackLease(first, { ...lease, resourceVersion: '8' }, 2000);
  assert.equal(annotated, { lease: { ...lease, resourceVersion: '8' }, since: 1000 });
  assert.is(trackLease(annotated, { ...lease, renewTime: 'later' }, 3000).since, 3000);
  assert.is(trackLease(annotated, undefined, 4000).since, 4000);
});

test('a leader has time for three renewals, and stops before anyone may take its lease', () => {
  const { durationMs, renewDeadlineMs, renewMs, retryMs, requestMs } = leaseTiming;
  assert.not(isTermOver(0, renewDeadlineMs - 1, leaseTiming));
  assert.ok(isTermOver(0, renewDeadlineMs, leaseTiming));
  assert.ok(renewDeadlineMs * 1.5 <= durationMs);
  assert.ok(renewMs + 2 * (requestMs + retryMs) <= renewDeadlineMs);
});

test('a lease is written in the format of client-go', () => {
  const at = new Date('2026-02-03T04:05:06.789Z');
  const now = '2026-02-03T04:05:06.789000Z';
  const spec = { holderIdentity: 'me', leaseDurationSeconds: 12, acquireTime: now, renewTime: now };
  assert.equal(heldSpec('me', undefined, leaseTiming, at), { ...spec, leaseTransitions: 0 });
  assert.equal(heldSpec('me', lease, leaseTiming, at), { ...spec, leaseTransitions: 4 });
  const own = { ...lease, holder: 'me' };
  const renewed = { ...spec, acquireTime: lease.acquireTime, leaseTransitions: 3 };
  assert.equal(heldSpec('me', own, leaseTiming, at), renewed);
  assert.equal(releasedSpec(at), { ...spec, holderIdentity: '', leaseDurationSeconds: 1 });
});

test('a lease of another program is read, even one without fields', () => {
  const metadata = { resourceVersion: '7' };
  const { holder, acquireTime, renewTime } = lease;
  const times = { acquireTime, renewTime, leaseDurationSeconds: 15 };
  const spec = { holderIdentity: holder, leaseTransitions: 3, ...times };
  assert.equal(parseLease({ metadata, spec }), lease);
  const empty = { holder: '', durationMs: 0, acquireTime: '', renewTime: '', transitions: 0 };
  assert.equal(parseLease({ metadata }), { ...empty, resourceVersion: '7' });
});

/** Most messages are fast, some are very late: a lost answer, a busy processor, a paused process. */
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

test('no two candidates lead at once, however late messages are, if no clock runs 1.5 times as fast as another', () => {
  fc.assert(
    fc.property(candidates({ min: 0.82, max: 1.18 }), (all) => {
      const reigns = new LeaseWorld(leaseTiming, all).run(worldMs);
      assert.is(overlap(reigns), undefined, JSON.stringify(overlap(reigns)));
    }),
    { numRuns: 300 },
  );
});

test('the simulation finds a bad rule: with a deadline as long as the lease, two candidates lead at once', () => {
  const unsafeTiming = { ...leaseTiming, renewDeadlineMs: leaseTiming.durationMs };
  const property = fc.property(candidates({ min: 0.82, max: 1.18 }), (all) => {
    return overlap(new LeaseWorld(unsafeTiming, all).run(worldMs)) === undefined;
  });
  assert.ok(fc.check(property, { numRuns: 3_000, seed: 1 }).failed);
});

test('after a clean stop another candidate leads within two seconds', () => {
  const quick = { rate: 1, offset: 0, delays: [5] };
  const reigns = new LeaseWorld(leaseTiming, [
    { ...quick, stopsAt: 20_000 },
    { ...quick, delays: [7], stopsAt: Infinity },
  ]).run(worldMs);
  const second = reigns.find(({ candidate }) => candidate === 1);
  assert.ok(second !== undefined && second.from > 20_000 && second.from < 22_000, String(second?.from));
  assert.is(reigns.at(-1)?.candidate, 1);
});

test.run();
