import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { willBeReplaced } from '../../../src/controller/observe/replaced-pods.ts';
import type { ObservedJob, ObservedPod } from '../../../src/controller/observe/observed.ts';
import { aJob, aPod, aRun } from '../../fixtures/builders.ts';

type World = { pod?: Partial<ObservedPod>; job?: Partial<ObservedJob>; run?: Parameters<typeof aRun>[0] };

function isReplaced({ pod, job, run }: World): boolean {
  const one = aJob(job);
  return willBeReplaced(aPod({ kind: 'running' }, { jobUid: aJob().uid, ...pod }), {
    run: aRun(run),
    job: one,
  });
}

const now = '2026-11-30T00:00:00Z';
const evicted = { deletionTimestamp: now, disruption: { reason: 'EvictionByEvictionAPI', message: 'm' } };

test('a pod that is evicted, or that the kubelet stops, is replaced', () => {
  assert.ok(isReplaced({ pod: evicted }));
  assert.ok(isReplaced({}));
});

test('a pod that somebody deletes is replaced if the failure is retried', () => {
  const pod = { deletionTimestamp: now, failuresBefore: 1 };
  assert.not.ok(isReplaced({ pod, run: { spec: { backoffLimit: 1 } } }));
  assert.ok(isReplaced({ pod, run: { spec: { backoffLimit: 2 } } }));
});

test('a pod is not replaced if its run is to stop, or its Job is not as it was', () => {
  const worlds: Readonly<Record<string, World>> = {
    cancel: { run: { spec: { cancel: true } } },
    suspend: { run: { spec: { suspend: true } } },
    deletion: { run: { metadata: { deletionTimestamp: now } } },
    'an end': { run: { status: { phase: 'Failed' } } },
    'too many disruptions': { run: { spec: { disruptionLimit: 2 }, status: { disruptions: 2 } } },
    'a deleted Job': { job: { deletionTimestamp: now } },
    'a suspended Job': { job: { suspendedBy: 'other' } },
    'another Job': { job: { uid: 'other' } },
  };
  for (const [what, world] of Object.entries(worlds))
    assert.not.ok(isReplaced({ pod: evicted, ...world }), what);
  const pod = aPod({ kind: 'running' }, evicted);
  assert.not.ok(willBeReplaced(pod, { run: aRun(), job: undefined }));
  assert.not.ok(willBeReplaced(pod, { run: undefined, job: aJob() }));
});

test.run();
