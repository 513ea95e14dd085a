import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Action, type Decision } from '../../../src/controller/decide/outcome.ts';
import { isTerminal, type Observed, podHasEnded } from '../../../src/controller/observe/observed.ts';
import type { Policy } from '../../../src/policy/policy.ts';
import { changeOf } from '../../../src/controller/apply/status-writer.ts';
import { aJob, aCleanupJob, decided } from '../../fixtures/builders.ts';
import { anyMoment, anyObserved, anyPolicy, consistentObserved } from '../../fixtures/builders-observed.ts';

/** Checks a property of every decision. */
function always(check: (decision: Decision, observed: Observed) => void, over = anyObserved): void {
  fc.assert(
    fc.property(over, anyMoment, anyPolicy, (observed, now, policy) =>
      check(decided(observed, now, policy), observed),
    ),
    { numRuns: 1_000 },
  );
}

/** True for what is done to the run's own Job. */
const changesJob = ({ kind }: Action) => ['suspendJob', 'resumeJob', 'deleteJob'].includes(kind);

/** What the world looks like once a decision is carried out; nothing when the run is gone. */
function applied(observed: Observed, { actions, status }: Decision): Observed | undefined {
  let next = observed;
  if (status !== undefined) next = { ...next, run: { ...next.run, status } };
  for (const action of actions) {
    switch (action.kind) {
      case 'createJob':
        next = { ...next, job: aJob() };
        break;
      case 'createCleanupJob':
        next = { ...next, cleanupJob: aCleanupJob() };
        break;
      case 'deleteJob':
        next = { ...next, job: undefined, pods: [] };
        break;
      case 'suspendJob':
        next = { ...next, job: next.job && { ...next.job, suspendedBy: 'operator' }, pods: [] };
        break;
      case 'resumeJob':
        next = { ...next, job: next.job && { ...next.job, suspendedBy: undefined } };
        break;
      case 'deletePod':
        next = { ...next, pods: next.pods.filter(({ uid }) => uid !== action.uid) };
        break;
      case 'deleteRun':
        return undefined;
    }
  }
  return next;
}

/** Every decision from here on, with nothing happening but what is decided; at most `most` of them. */
function* settling(
  first: Observed,
  now: Date,
  policy: Policy,
  most: number,
): Generator<[Observed, Decision]> {
  let observed: Observed | undefined = first;
  for (let round = 0; observed !== undefined && round < most; round += 1) {
    const decision = decided(observed, now, policy);
    yield [observed, decision];
    observed = applied(observed, decision);
  }
}

test('whatever is observed, a decision is made, and the same one again', () => {
  fc.assert(
    fc.property(anyObserved, anyMoment, anyPolicy, (observed, now, policy) => {
      assert.equal(decided(observed, now, policy), decided(structuredClone(observed), now, policy));
    }),
    { numRuns: 1_000 },
  );
});

test('no decision changes what it was made from', () => {
  fc.assert(
    fc.property(anyObserved, anyMoment, anyPolicy, (observed, now, policy) => {
      const before = structuredClone(observed);
      decided(observed, now, policy);
      assert.equal(observed, before);
    }),
  );
});

test('the end is final: its status never changes again', () => {
  always(({ status }, { run }) => {
    if (isTerminal(run.status)) assert.is(status, undefined);
  });
});

test('a run that has not ended is never left without a next moment, a change to wait for, or an end', () => {
  always(({ actions, status, requeueAfterMs }, { run }) => {
    if (run.metadata.deletionTimestamp !== undefined || isTerminal(run.status)) return;
    assert.ok(status !== undefined);
    const waits = isTerminal(status) || status.phase === 'Suspended';
    assert.ok(waits || requeueAfterMs !== undefined || actions.length > 0);
  });
});

test('the next moment is never in the past', () => {
  always(({ requeueAfterMs = 0 }) => {
    assert.ok(Number.isFinite(requeueAfterMs) && requeueAfterMs >= 0, String(requeueAfterMs));
  });
});

test('every status is about the generation that was observed, in all of its conditions', () => {
  always(({ status }, { run }) => {
    if (status === undefined) return;
    assert.is(status.observedGeneration, run.metadata.generation);
    for (const { observedGeneration } of status.conditions ?? [])
      assert.is(observedGeneration, run.metadata.generation);
  });
});

test('a run that ended is Complete or Failed and says when, and any other is Reconciling, also suspended', () => {
  always(({ status }) => {
    if (status === undefined) return;
    const types = (status.conditions ?? []).filter((one) => one.status === 'True').map(({ type }) => type);
    const ends = types.filter((type) => type === 'Complete' || type === 'Failed');
    const failed = status.phase === 'Failed' || status.phase === 'Cancelled';
    assert.equal(ends, status.phase === 'Succeeded' ? ['Complete'] : failed ? ['Failed'] : []);
    assert.is(types.includes('Reconciling'), !isTerminal(status));
    assert.is(types.includes('Stalled'), failed);
    assert.is(types.includes('Suspended'), status.phase === 'Suspended');
    assert.is(status.completionTime !== undefined, isTerminal(status));
    assert.is(new Set(types).size, types.length);
  });
});

test('what is to be cancelled or suspended gets no Job, and no Job of it goes on', () => {
  always(({ actions }, { run }) => {
    const { cancel, suspend } = run.spec ?? {};
    if (cancel !== true && suspend !== true) return;
    assert.not.ok(actions.some(({ kind }) => kind === 'createJob' || kind === 'resumeJob'));
  });
});

test('a Job that somebody else suspended is never let go on', () => {
  always(({ actions }, { job }) => {
    const resumes = actions.some(({ kind }) => kind === 'resumeJob');
    if (resumes) assert.is(job?.suspendedBy, 'operator');
  });
});

test('a Job goes on only when no pod of it is left that could still end as a failure', () => {
  always(({ actions }, { pods }) => {
    if (actions.some(({ kind }) => kind === 'resumeJob')) assert.ok(pods.every(podHasEnded));
  });
});

test('no attempt stands twice in the history, and one that ended stays ended', () => {
  always(({ status }, { run, pods }) => {
    if (status === undefined) return;
    const history = status.attemptHistory ?? [];
    assert.is(new Set(history.map(({ podUID }) => podUID)).size, history.length);
    for (const before of run.status.attemptHistory ?? []) {
      const isThere = pods.some(({ uid }) => uid === before.podUID);
      const after = history.find(({ podUID }) => podUID === before.podUID);
      if (!isThere && before.completionTime !== undefined) assert.equal(after, before);
    }
  });
});

test('an Event says what the status says, and its name is one that the API server takes', () => {
  always(({ status, event }) => {
    if (event === undefined) return;
    assert.is(event.reason, status?.reason);
    assert.is(event.message, status?.message);
    assert.match(event.metadata.name ?? '', /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);
  });
});

test('every status has a reason and a message', () => {
  always(({ status }) => {
    if (status === undefined) return;
    assert.match(status.reason ?? '', /^[A-Z][A-Za-z]+$/);
    assert.ok(typeof status.message === 'string');
  });
});

test('a Job is made only when there is none and never was, or for a run that was suspended', () => {
  always(({ actions }, { run, job }) => {
    const neverHad = run.status.jobName === undefined || run.status.phase === 'Suspended';
    const makes = actions.some(({ kind }) => kind === 'createJob');
    if (makes) assert.ok(job === undefined && neverHad);
  }, consistentObserved);
});

test('only the own Job is touched, and deleted only when the run ended or is to stop', () => {
  always(({ actions }, { run, job }) => {
    const isDeleted = run.metadata.deletionTimestamp !== undefined;
    const stops = isDeleted || run.spec?.cancel === true || run.spec?.suspend === true;
    for (const action of actions) {
      if (changesJob(action)) assert.is(job?.ownerUid, run.metadata.uid);
      if (action.kind === 'deleteJob') assert.ok(isTerminal(run.status) || stops);
      if (action.kind === 'deleteRun') assert.ok(isTerminal(run.status));
    }
  }, consistentObserved);
});

test('what a lost worker left is cleaned up by one Job at most, and only before the end', () => {
  fc.assert(
    fc.property(consistentObserved, anyMoment, anyPolicy, (first, now, policy) => {
      const before = [...settling(first, now, policy, 8)].flatMap(([observed, { actions }]) =>
        actions.some(({ kind }) => kind === 'createCleanupJob') ? [observed] : [],
      );
      assert.ok(before.length <= 1);
      for (const { run, cleanupJob, cleanupRefusal } of before) {
        assert.not.ok(isTerminal(run.status));
        assert.equal([cleanupJob, cleanupRefusal], [undefined, undefined]);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('deciding comes to rest: after three rounds there is nothing more to do and nothing more to say', () => {
  fc.assert(
    fc.property(consistentObserved, anyMoment, anyPolicy, (first, now, policy) => {
      const rounds = [...settling(first, now, policy, 5)];
      for (const [observed, { actions, status }] of rounds.slice(3)) {
        assert.equal(actions, []);
        if (status !== undefined) assert.is(changeOf(observed.run.status, status), 'none');
      }
    }),
    { numRuns: 1_000 },
  );
});

test('a status that was written tells no other milestone when nothing has happened since', () => {
  fc.assert(
    fc.property(consistentObserved, anyMoment, anyPolicy, (first, now, policy) => {
      const rounds = [...settling(first, now, policy, 5)];
      for (const [index, [observed, { status }]] of rounds.entries()) {
        const before = rounds[index - 1]?.[1].actions;
        // What was decided about the Job has happened to it since.
        if (status === undefined || before === undefined || before.some(changesJob)) continue;
        assert.ok(['none', 'progress'].includes(changeOf(observed.run.status, status)));
      }
    }),
    { numRuns: 1_000 },
  );
});

test('a run gets one Job at most, whatever happens then', () => {
  fc.assert(
    fc.property(consistentObserved, anyMoment, anyPolicy, (first, now, policy) => {
      const jobs = [...settling(first, now, policy, 8)].flatMap(([, { actions }]) =>
        actions.filter(({ kind }) => kind === 'createJob'),
      );
      assert.ok(jobs.length <= 1);
    }),
  );
});

test.run();
