import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import { bypassesRateLimit } from '../../../src/controller/apply/status-writer.ts';
import { aJob, anObservation, aPod, aRun } from '../../fixtures/builders.ts';

const journalled: Partial<DockerRunSpec> = {
  volumes: [{ name: 'scratch', temporary: { hostDir: '/srv/data/scratch' } }],
};
const pod = aPod({ kind: 'running' });
const decided = { phase: 'Preparing', podName: pod.name, nodeName: 'node-1' } as const;

test('the node of a worker that may leave something there is written without delay', () => {
  const run = aRun({ spec: journalled });
  assert.ok(bypassesRateLimit(anObservation({ run, job: aJob(), pods: [pod] }), decided));
  const written = aRun({ spec: journalled, status: { ...decided } });
  assert.not.ok(bypassesRateLimit(anObservation({ run: written, job: aJob(), pods: [pod] }), decided));
});

test('the node of a worker that leaves nothing there, or has not started, may be written later', () => {
  assert.not.ok(bypassesRateLimit(anObservation({ job: aJob(), pods: [pod] }), decided));
  const waiting = aPod({ kind: 'waiting', reason: 'ContainerCreating', message: '' });
  const observed = anObservation({ run: aRun({ spec: journalled }), job: aJob(), pods: [waiting] });
  assert.not.ok(bypassesRateLimit(observed, decided));
});

test('a report of a worker never bypasses the rate limit', () => {
  for (const phase of ['Uploading', 'Succeeded', 'Failed', 'Cancelled'] as const) {
    assert.not.ok(bypassesRateLimit(anObservation({ job: aJob(), pods: [pod], live: { phase } }), decided));
  }
});

test.run();
