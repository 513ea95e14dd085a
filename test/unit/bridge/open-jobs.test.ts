import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decideUpkeep, keepUnwatchedMs } from '../../../src/bridge/follow/open-job-upkeep.ts';
import type { FollowedRun } from '../../../src/bridge/runs/followed-run.ts';
import { longestEntry, type OpenJob, parseOpenJob } from '../../../src/bridge/runs/open-jobs.ts';
import { aFollowedRun } from '../../fixtures/builders-bridge.ts';

const aRun = aFollowedRun();
const aJob: OpenJob = {
  uid: 'u1',
  namespace: 'lab',
  name: 'girder-1',
  jobId: 'j',
  token: 't',
  createdAt: 0,
};

function upkeepOf(jobs: readonly OpenJob[], runs: readonly FollowedRun[], now = 0) {
  const { absent, over, missing } = decideUpkeep({ jobs, runs, namespaces: new Set(['lab']), now });
  return { absent: absent.map(({ uid }) => uid), over, missing: missing.map(({ uid }) => uid) };
}

test('an entry stays as long as its run is open, however old', () => {
  assert.equal(upkeepOf([aJob], [aRun], 2 * keepUnwatchedMs), { absent: [], over: [], missing: [] });
});

test('an entry is over when the job of its run has ended', () => {
  assert.equal(upkeepOf([aJob], [{ ...aRun, isReported: true }]), { absent: [], over: ['u1'], missing: [] });
});

test('a run of the same name is another run', () => {
  const other = { ...aRun, uid: 'u2' };
  assert.equal(upkeepOf([aJob], [other]), { absent: ['u1'], over: [], missing: ['u2'] });
});

test('only an open run with a job needs an entry', () => {
  const runs = [
    { ...aRun, uid: 'none', job: undefined },
    { ...aRun, uid: 'reported', isReported: true },
    { ...aRun, uid: 'ended', phase: 'Failed' },
  ];
  assert.equal(upkeepOf([], runs).missing, ['ended']);
});

test('the entries of a namespace that is not watched stay for 30 days', () => {
  const elsewhere = { ...aJob, namespace: 'elsewhere' };
  const nothing = { absent: [], over: [], missing: [] };
  assert.equal(upkeepOf([elsewhere], [], keepUnwatchedMs), nothing);
  assert.equal(upkeepOf([elsewhere], [], keepUnwatchedMs + 1), { ...nothing, over: ['u1'] });
  assert.is(keepUnwatchedMs / 86_400_000, 30);
});

const entryOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
const stored = {
  namespace: 'lab',
  name: 'girder-1',
  jobId: 'j',
  token: 't',
  createdAt: '1970-01-01T00:00:00Z',
};

test('an entry is what the bridge has written, and nothing else', () => {
  assert.equal(parseOpenJob('u1', entryOf(stored)), aJob);
  const others = [
    undefined,
    7,
    '',
    entryOf(null),
    entryOf([]),
    entryOf('text'),
    entryOf({ ...stored, token: 7 }),
    entryOf({ ...stored, createdAt: 'yesterday' }),
    entryOf({ ...stored, name: 'x'.repeat(longestEntry) }),
  ];
  for (const value of others) assert.is(parseOpenJob('u1', value), undefined, JSON.stringify(value));
});

test('the longest entry of a message fits', () => {
  const longest = {
    namespace: 'n'.repeat(63),
    name: 'n'.repeat(253),
    jobId: 'a'.repeat(24),
    token: 't'.repeat(512),
    createdAt: stored.createdAt,
  };
  assert.ok(parseOpenJob('u1', entryOf(longest)) !== undefined);
});

test.run();
