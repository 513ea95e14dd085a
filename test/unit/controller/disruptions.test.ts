import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import type { ObservedPod } from '../../../src/controller/observe/observed.ts';
import { after, aJob, anObservation, aPod, aRun, decided } from '../../fixtures/builders.ts';

const ended = { kind: 'terminated', exitCode: 71, reason: 'Error', report: undefined } as const;
const drained = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
const byKubelet = { reason: 'TerminationByKubelet', message: 'The node was low on resource: memory. ' };

/** The nth pod of a run. */
const nth = (index: number, overrides: Partial<ObservedPod> = {}, worker: ObservedPod['worker'] = ended) =>
  aPod(worker, {
    ...{ name: `pod-${index}`, uid: `uid-${index}`, phase: worker === ended ? 'Failed' : 'Running' },
    ...{ creationTimestamp: after(10 * index).toISOString(), ...overrides },
  });

const disruptedPod = (index: number) => nth(index, { disruption: drained });
const evictedPod = (index: number, message: string, more: Partial<ObservedPod> = {}) =>
  nth(index, { disruption: byKubelet, evictedForPressure: true, reason: 'Evicted', message, ...more });

const low = 'The node was low on resource: ephemeral-storage. Threshold quantity: 1, available: 0. ';
const consumer = `${low}Container worker was using 9Gi, request is 0, has larger consumption of ephemeral-storage. `;

/** Shows the controller the pods one after another, as the Job creates them; returns the last status. */
function live(
  spec: { disruptionLimit?: number; backoffLimit?: number },
  pods: readonly ObservedPod[],
  { keeps = 1 } = {},
): DockerRunStatus {
  let status: DockerRunStatus = {};
  for (const [index, pod] of pods.entries()) {
    const { creationTimestamp, failuresBefore } = pod;
    const running = nth(index, { creationTimestamp, failuresBefore }, { kind: 'running' });
    for (const newest of [running, pod, pod]) {
      const known = [...pods.slice(Math.max(0, index + 1 - keeps), index), newest];
      const run = aRun({ spec, status });
      const observed = anObservation({ run, job: aJob(), pods: known });
      status = decided(observed, after(10 * index + 5), {}).status ?? status;
      if (status.phase === 'Failed') return status;
    }
  }
  return status;
}

test('a run is replaced after as many disruptions as disruptionLimit, and fails at the next', () => {
  const pods = Array.from({ length: 4 }, (_, index) => disruptedPod(index));
  const within = live({ disruptionLimit: 3 }, pods.slice(0, 3));
  assert.is(within.phase, 'Pending');
  assert.is(within.disruptions, 3);
  const beyond = live({ disruptionLimit: 3 }, pods);
  assert.is(beyond.phase, 'Failed');
  assert.is(beyond.reason, 'DisruptedTooOften');
  assert.match(
    beyond.message ?? '',
    /were disrupted 4 times, and disruptionLimit is 3.*Eviction API: evicting/,
  );
});

test('each disruption counts once, whether its pod stays or not, and also beyond the history', () => {
  const pods = Array.from({ length: 25 }, (_, index) => disruptedPod(index));
  for (const keeps of [1, 3, 25]) {
    const status = live({ disruptionLimit: 100 }, pods, { keeps });
    assert.is(status.disruptions, 25, `${keeps} pods stay`);
    assert.is(status.attempts, 25);
  }
});

test('a failed attempt is not a disruption, and a success ends the run however often it was disrupted', () => {
  assert.is(live({ backoffLimit: 9 }, [nth(0), nth(1, { failuresBefore: 1 })]).disruptions, undefined);
  const report = { phase: 'Succeeded' } as const;
  const succeeded = nth(1, {}, { kind: 'terminated', exitCode: 0, reason: 'Completed', report });
  const run = aRun({ spec: { disruptionLimit: 0 }, status: { disruptions: 1 } });
  const { status } = decided(anObservation({ run, job: aJob(), pods: [succeeded] }), after(99), {});
  assert.is(status?.phase, 'Succeeded');
});

test('an eviction of the pod that used much of what ran out counts as a failed attempt', () => {
  const status = live({}, [evictedPod(0, consumer)]);
  assert.is(status.phase, 'Failed');
  assert.is(status.reason, 'Evicted');
  assert.match(
    status.message ?? '',
    /^Pod pod-0 was evicted: The node was low on resource: ephemeral-storage/,
  );
  const retried = live({ backoffLimit: 1 }, [evictedPod(0, consumer)]);
  assert.is(retried.phase, 'Pending');
  assert.is(retried.reason, 'Retrying');
  assert.is(live({ backoffLimit: 1 }, [evictedPod(0, consumer), evictedPod(1, consumer)]).reason, 'Evicted');
});

test('an eviction that names another consumer is a disruption, but the second one counts', () => {
  assert.is(live({}, [evictedPod(0, low)]).phase, 'Pending');
  assert.is(live({}, [evictedPod(0, low), evictedPod(1, low)]).reason, 'Evicted');
  assert.is(live({ backoffLimit: 1 }, [evictedPod(0, low), evictedPod(1, low)]).phase, 'Pending');
});

test('evictions and failures together use up backoffLimit', () => {
  const spec = { backoffLimit: 1 };
  assert.is(live(spec, [nth(0), evictedPod(1, consumer, { failuresBefore: 1 })]).reason, 'Evicted');
});

test('the replacement of an evicted pod is stopped when the eviction was the last attempt', () => {
  const failed = live({}, [evictedPod(0, consumer)]);
  const run = aRun({ status: failed });
  const next = decided(
    anObservation({ run, job: aJob(), pods: [nth(1, {}, { kind: 'running' })] }),
    after(20),
  );
  assert.equal(
    next.actions.map(({ kind }) => kind),
    ['deleteJob'],
  );
});

test.run();
