import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jobName } from '../../../src/api/names.ts';
import {
  after,
  aJob,
  anObservation,
  aPod,
  aRun,
  metadata,
  creationOf,
  decided,
  jobEnd,
} from '../../fixtures/builders.ts';
import { condition } from '../../fixtures/builders-status.ts';

const now = after(5);

test('a new run gets its Job and is pending', () => {
  const { actions, status, requeueAfterMs } = decided(anObservation(), now, {});
  assert.equal(actions, [creationOf(aRun())]);
  assert.is(status?.phase, 'Pending');
  assert.is(status?.jobName, jobName(metadata));
  assert.is(status?.startTime, now.toISOString());
  assert.is(status?.observedGeneration, metadata.generation);
  assert.is(condition(status, 'Accepted')?.status, 'True');
  assert.is(condition(status, 'Reconciling')?.status, 'True');
  assert.is(requeueAfterMs, undefined);
});

test('a run with an invalid spec fails with all of its problems and gets no Job', () => {
  const run = aRun({ spec: { args: ['$(a)', '$(b)'] } });
  const { actions, status } = decided(anObservation({ run }), now, {});
  assert.equal(actions, []);
  assert.is(status?.phase, 'Failed');
  assert.is(status?.reason, 'InvalidSpec');
  assert.match(status?.message ?? '', /\$\(a\).*\$\(b\)/);
  assert.is(condition(status, 'Accepted')?.status, 'False');
  assert.is(condition(status, 'Accepted')?.reason, 'InvalidSpec');
  assert.is(condition(status, 'Failed')?.status, 'True');
  assert.is(status?.completionTime, now.toISOString());
});

test('a spec that only an older schema accepts fails with its problem', () => {
  const run = { metadata, status: {}, problem: 'spec.image must be string' };
  const { actions, status } = decided(anObservation({ run }), now, {});
  assert.equal(actions, []);
  assert.is(status?.reason, 'InvalidSpec');
  assert.match(status?.message ?? '', /^spec\.image must be string\. /i);
});

test('a spec beyond a bound of this version fails before its Job, and continues after it', () => {
  const problem = 'spec.affinity must not have more than 32 items';
  const fresh = decided(anObservation({ run: { ...aRun(), problem } }), now, {});
  assert.equal(fresh.actions, []);
  assert.is(fresh.status?.reason, 'InvalidSpec');
  // Its Job was deleted to suspend it.
  const status = { phase: 'Suspended', reason: 'Suspended', jobName: 'segment-0b9ad1c6' } as const;
  const resumed = { ...aRun({ status }), problem };
  const { actions } = decided(anObservation({ run: resumed }), now, {});
  assert.equal(actions, [creationOf(resumed, {})]);
});

test('a host path is allowed only by the policy', () => {
  const volumes = [
    { name: 'd', bindMount: { hostPath: '/srv/data', containerPath: '/d', mode: 'rw' as const } },
  ];
  const observed = anObservation({ run: aRun({ spec: { volumes } }) });
  const refused = decided(observed, now, {});
  assert.equal(refused.actions, []);
  assert.is(refused.status?.reason, 'HostPathNotAllowed');
  assert.is(condition(refused.status, 'Accepted')?.status, 'False');
  const allowed = decided(observed, now, { hostPaths: [{ pathPrefix: '/srv' }] });
  assert.equal(allowed.actions, [creationOf(observed.run, { hostPaths: [{ pathPrefix: '/srv' }] })]);
});

test('a run whose Job is gone fails and gets no second Job', () => {
  const run = aRun({ status: { phase: 'Running', jobName: 'segment-0b9ad1c6' } });
  const { actions, status } = decided(anObservation({ run }), now, {});
  assert.equal(actions, []);
  assert.is(status?.reason, 'JobDeleted');
  assert.match(status?.message ?? '', /^The Job segment-0b9ad1c6 is gone\. /);
  assert.is(condition(status, 'Accepted')?.status, 'True');
});

test('a Job that the API server refuses for good fails the run with the refusal', () => {
  const jobRefusal = { message: 'Job.batch "segment" is invalid', permanent: true };
  const { actions, status } = decided(anObservation({ jobRefusal }), now, {});
  assert.equal(actions, []);
  assert.is(status?.reason, 'JobRefused');
  assert.match(status?.message ?? '', /is invalid/);
});

test('a run waits for a full quota until its start deadline', () => {
  const jobRefusal = { message: 'exceeded quota: jobs', permanent: false };
  const observed = anObservation({ run: aRun({ spec: { startDeadlineSeconds: 60 } }), jobRefusal });
  const early = decided(observed, after(59), {});
  assert.equal(early.actions, []);
  assert.is(early.status?.phase, 'Pending');
  assert.match(early.status?.message ?? '', /exceeded quota/);
  assert.is(early.requeueAfterMs, 1_000);
  assert.is(early.status?.jobName, undefined);
  const late = decided(observed, after(60), {});
  assert.is(late.status?.reason, 'StartDeadlineExceeded');
  assert.match(late.status?.message ?? '', /exceeded quota/);
});

test('a run that is being deleted is left to the garbage collector', () => {
  const run = aRun({ metadata: { deletionTimestamp: now.toISOString() } });
  assert.equal(decided(anObservation({ run }), now, {}), {
    actions: [],
    status: undefined,
    event: undefined,
    requeueAfterMs: undefined,
  });
});

const outdated = aJob({ origin: { generation: 2, specHash: 'of another spec' } });

test('a Job of another spec that has not started is deleted, and no status accepts the new spec meanwhile', () => {
  const pods = [aPod({ kind: 'waiting', reason: 'ContainerCreating', message: '' })];
  const { actions, status, requeueAfterMs } = decided(anObservation({ job: outdated, pods }), now, {});
  assert.equal(actions, [{ kind: 'deleteJob', name: outdated.name, uid: outdated.uid, waits: true }]);
  assert.is(status, undefined);
  assert.ok(requeueAfterMs !== undefined);
});

test('a Job of another spec that has started or ended fails the run, which says of which generation it was', () => {
  const started = anObservation({ job: outdated, pods: [aPod({ kind: 'running' })] });
  const ended = anObservation({ job: { ...outdated, finished: jobEnd(true) } });
  for (const observed of [started, ended]) {
    const { status } = decided(observed, now, {});
    assert.is(status?.reason, 'InvalidSpec');
    assert.match(status?.message ?? '', /changed to generation 3 .* made of generation 2/);
    assert.is(condition(status, 'Accepted')?.status, 'False');
  }
});

test('a Job of another spec does not matter any more once the status names it', () => {
  const run = aRun({ status: { phase: 'Pending', jobName: outdated.name } });
  const { actions, status } = decided(anObservation({ run, job: outdated }), now, {});
  assert.equal(actions, []);
  assert.is(status?.phase, 'Pending');
});

test('whether a run is accepted is unknown while the policy cannot be read, or after a stop before its check', () => {
  const waiting = decided(anObservation(), now, { problem: 'has a field that is not known' });
  const stopped = decided(anObservation({ run: aRun({ spec: { cancel: true } }) }), now, {});
  const foreign = decided(anObservation({ job: aJob({ ownerUid: 'somebody' }) }), now, {});
  for (const { status } of [waiting, stopped, foreign])
    assert.is(condition(status, 'Accepted')?.status, 'Unknown');
});

test('a spec that fits by itself, but not with the defaults of the policy, is refused before it has a Job', () => {
  const args = Array.from({ length: 3 }, () => 'x'.repeat(32_000));
  const labels = Object.fromEntries(
    Array.from({ length: 64 }, (_, index) => [`label-${index}`, '$'.repeat(600)]),
  );
  const observed = anObservation({ run: aRun({ spec: { args } }) });
  assert.equal(decided(observed, after(1), {}).actions.length, 1);
  const { actions, status } = decided(observed, after(1), { dockerDefaults: { labels } });
  assert.equal(actions, []);
  assert.is(status?.reason, 'InvalidSpec');
  assert.match(status?.message ?? '', /with the defaults of the policy, it has \d+ bytes more/);
});

test.run();
