import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cleanupJobName } from '../../../src/api/names.ts';
import { type Action, type Decision } from '../../../src/controller/decide/outcome.ts';
import { isJobOf, isTerminal, type Observed, podHasEnded } from '../../../src/controller/observe/observed.ts';
import type { Policy } from '../../../src/policy/policy.ts';
import { specRefusal } from '../../../src/controller/decide/spec-refusal.ts';
import { statusAfterError } from '../../../src/controller/decide/decision.ts';
import { changeOf } from '../../../src/controller/apply/status-writer.ts';
import { aJob, aCleanupJob, decided } from '../../fixtures/builders.ts';
import { anyMoment, anyObserved, anyPolicy, consistentObserved } from '../../fixtures/builders-observed.ts';

function always(check: (decision: Decision, observed: Observed) => void, over = anyObserved): void {
  fc.assert(
    fc.property(over, anyMoment, anyPolicy, (observed, now, policy) =>
      check(decided(observed, now, policy), observed),
    ),
    { numRuns: 1_000 },
  );
}

/** True for an action on the run's own Job. */
const changesJob = ({ kind }: Action) => ['suspendJob', 'resumeJob', 'deleteJob'].includes(kind);

/** What is observed after a decision is carried out; undefined when the run is deleted. */
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

/** The next decisions, at most `most` of them, if nothing happens but what they do. */
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

test('every observation leads to a decision, and always to the same one', () => {
  fc.assert(
    fc.property(anyObserved, anyMoment, anyPolicy, (observed, now, policy) => {
      assert.equal(decided(observed, now, policy), decided(structuredClone(observed), now, policy));
    }),
    { numRuns: 1_000 },
  );
});

test('a decision does not change the observation', () => {
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

test('a run that has not ended is always requeued, acted on, ended or suspended', () => {
  always(({ actions, status, requeueAfterMs }, { run }) => {
    if (run.metadata.deletionTimestamp !== undefined || isTerminal(run.status)) return;
    // Only a run whose Job of another spec is being deleted keeps its status.
    const waits = status !== undefined && (isTerminal(status) || status.phase === 'Suspended');
    assert.ok(waits || requeueAfterMs !== undefined || actions.length > 0);
  });
});

test('the time of a requeue is never in the past', () => {
  always(({ requeueAfterMs = 0 }) => {
    assert.ok(Number.isFinite(requeueAfterMs) && requeueAfterMs >= 0, String(requeueAfterMs));
  });
});

test('every status and all of its conditions have the observed generation', () => {
  always(({ status }, { run }) => {
    if (status === undefined) return;
    assert.is(status.observedGeneration, run.metadata.generation);
    for (const { observedGeneration } of status.conditions ?? [])
      assert.is(observedGeneration, run.metadata.generation);
  });
});

test('a status accepts only a spec that was validated and allowed', () => {
  const policies = fc.oneof(anyPolicy, fc.constant<Policy>({ problem: 'has a field that is not known' }));
  fc.assert(
    fc.property(consistentObserved, anyMoment, policies, (observed, now, policy) => {
      const { run, job } = observed;
      const { status } = decided(observed, now, policy);
      const isAccepted = status?.conditions?.some(
        ({ type, status }) => type === 'Accepted' && status === 'True',
      );
      // What has its Job was checked before that.
      if (
        isAccepted !== true ||
        run.status.jobName !== undefined ||
        status?.conditions === run.status.conditions
      )
        return;
      if (job?.ownerUid === run.metadata.uid) return assert.ok(isJobOf(job, run));
      assert.ok(run.spec !== undefined && policy.problem === undefined, JSON.stringify(observed));
      assert.is(run.problem, undefined);
      assert.is(specRefusal(run.spec, policy), undefined);
    }),
    { numRuns: 3_000 },
  );
});

test('a run that has had its Job never fails because another version has tighter bounds', () => {
  always(({ status }, { run }) => {
    if (run.spec === undefined || run.problem === undefined || run.isPartial === true) return;
    if (run.status.jobName === undefined) return;
    if (status === undefined || status.reason === run.status.reason) return;
    assert.not.match(status.message ?? '', run.problem);
  });
});

test('an ended run is Complete or Failed and has a completion time, and any other run is Reconciling', () => {
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

test('for a cancelled or suspended run, no Job is created or resumed', () => {
  always(({ actions }, { run }) => {
    const { cancel, suspend } = run.spec ?? {};
    if (cancel !== true && suspend !== true) return;
    assert.not.ok(actions.some(({ kind }) => kind === 'createJob' || kind === 'resumeJob'));
  });
});

test('a Job that somebody else suspended is never resumed', () => {
  always(({ actions }, { job }) => {
    const resumes = actions.some(({ kind }) => kind === 'resumeJob');
    if (resumes) assert.is(job?.suspendedBy, 'operator');
  });
});

test('a Job is resumed only when all of its pods have ended', () => {
  always(({ actions }, { pods }) => {
    if (actions.some(({ kind }) => kind === 'resumeJob')) assert.ok(pods.every(podHasEnded));
  });
});

test('no attempt is in the history twice, and an ended attempt stays as it is', () => {
  always(({ status }, { run, pods }) => {
    if (status === undefined) return;
    const history = status.attemptHistory ?? [];
    assert.is(new Set(history.map(({ podUID }) => podUID)).size, history.length);
    const present = new Set(pods.map(({ uid }) => uid));
    const ended = (run.status.attemptHistory ?? []).filter(
      ({ podUID, completionTime }) => completionTime !== undefined && !present.has(podUID),
    );
    for (const before of ended) {
      assert.equal(
        history.find(({ podUID }) => podUID === before.podUID),
        before,
      );
    }
  });
});

test('an Event has the reason and message of the status, and a valid name', () => {
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

test('a Job is created only for a run that never had one or that was suspended', () => {
  always(({ actions }, { run, job }) => {
    const neverHad = run.status.jobName === undefined || run.status.phase === 'Suspended';
    const makes = actions.some(({ kind }) => kind === 'createJob');
    if (makes) assert.ok(job === undefined && neverHad);
  }, consistentObserved);
});

test("only the run's own Job is changed, and it is deleted only when the run has ended, must stop or has another spec", () => {
  always(({ actions }, { run, job }) => {
    const isDeleted = run.metadata.deletionTimestamp !== undefined;
    const { cancel, suspend } = run.spec ?? {};
    const isOutdated = job !== undefined && !isJobOf(job, run);
    const mayDelete = [isTerminal(run.status), isDeleted, cancel, suspend, isOutdated].includes(true);
    for (const action of actions) {
      if (changesJob(action)) assert.is(job?.ownerUid, run.metadata.uid);
      if (action.kind === 'deleteJob') assert.ok(mayDelete);
      if (action.kind === 'deleteRun') assert.ok(isTerminal(run.status));
    }
  }, consistentObserved);
});

test('no cleanup Job is created twice, and each only before the end of the run', () => {
  fc.assert(
    fc.property(consistentObserved, anyMoment, anyPolicy, (first, now, policy) => {
      const names: (string | undefined)[] = [];
      for (const [{ run, cleanupJob, cleanupRefusal }, { actions }] of settling(first, now, policy, 8)) {
        for (const action of actions) {
          if (action.kind !== 'createCleanupJob') continue;
          const name = action.job.metadata?.name;
          names.push(name);
          assert.not.ok(isTerminal(run.status));
          assert.is(cleanupRefusal, undefined);
          // The others are for the nodes of earlier attempts, and nothing waits for them.
          if (name === cleanupJobName(run.metadata)) assert.is(cleanupJob, undefined);
        }
      }
      assert.is(new Set(names).size, names.length);
    }),
    { numRuns: 1_000 },
  );
});

test('decisions settle: after three rounds there are no more actions and no more changes of the status', () => {
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

test('a written status leads to no other milestone when nothing has happened since', () => {
  fc.assert(
    fc.property(consistentObserved, anyMoment, anyPolicy, (first, now, policy) => {
      const rounds = [...settling(first, now, policy, 5)];
      for (const [index, [observed, { status }]] of rounds.entries()) {
        const before = rounds[index - 1]?.[1].actions;
        // An action on the Job changes what is observed next.
        if (status === undefined || before === undefined || before.some(changesJob)) continue;
        assert.ok(['none', 'progress'].includes(changeOf(observed.run.status, status)));
      }
    }),
    { numRuns: 1_000 },
  );
});

test('no Job is made of a spec that can be read in part, and its run can be cancelled', () => {
  always(({ actions, status }, { run, job }) => {
    if (run.isPartial !== true || isTerminal(run.status)) return;
    assert.not.ok(actions.some(({ kind }) => kind === 'createJob'));
    const begun = run.status.jobName !== undefined && job?.ownerUid === run.metadata.uid;
    if (!begun || run.spec.cancel !== true || job.finished !== undefined) return;
    const isStopping = status?.reason === 'Cancelling' || isTerminal(status ?? {});
    assert.ok(isStopping || run.metadata.deletionTimestamp !== undefined, JSON.stringify(status));
  });
});

test('what a failed reconcile wrote changes neither what is done next nor where the run is then', () => {
  fc.assert(
    fc.property(anyObserved, anyMoment, anyPolicy, fc.string(), (observed, now, policy, text) => {
      const { run } = observed;
      if (isTerminal(run.status)) return;
      const failure = { error: new Error(text), isRefusal: false };
      const status = statusAfterError(run, failure, now);
      assert.is(changeOf(status, statusAfterError({ ...run, status }, failure, now)), 'none');
      const honest = decided(observed, now, policy);
      const later = decided({ ...observed, run: { ...run, status } }, now, policy);
      assert.equal(later.actions, honest.actions);
      assert.is(later.requeueAfterMs, honest.requeueAfterMs);
      const shown = ({ status: after }: Decision) => [
        ...[after?.phase, after?.reason],
        // It says for what the run waited at last, which may be the controller.
        after?.reason === 'StartDeadlineExceeded' ? '' : after?.message,
      ];
      assert.equal(shown(later), shown(honest));
    }),
    { numRuns: 2_000 },
  );
});

test('a run gets at most one Job, whatever happens then', () => {
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
