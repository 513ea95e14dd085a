import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import { bypassesRateLimit } from '../../../src/controller/apply/status-writer.ts';
import { aJob, anObservation, aPod, aRun } from '../../fixtures/builders.ts';

const lasting: Partial<DockerRunSpec> = {
  volumes: [{ name: 'scratch', temporary: { hostDir: '/srv/data/scratch' } }],
};
const pod = aPod({ kind: 'running' });
const wanted = { phase: 'Preparing', podName: pod.name, nodeName: 'node-1' } as const;

test('on which node a worker may leave something is stored as soon as it is known', () => {
  const run = aRun({ spec: lasting });
  assert.ok(bypassesRateLimit(anObservation({ run, job: aJob(), pods: [pod] }), wanted));
  const known = aRun({ spec: lasting, status: { ...wanted } });
  assert.not.ok(bypassesRateLimit(anObservation({ run: known, job: aJob(), pods: [pod] }), wanted));
});

test('a worker that leaves nothing on a node, or has not started, is not urgent', () => {
  assert.not.ok(bypassesRateLimit(anObservation({ job: aJob(), pods: [pod] }), wanted));
  const waiting = aPod({ kind: 'waiting', reason: 'ContainerCreating', message: '' });
  const observed = anObservation({ run: aRun({ spec: lasting }), job: aJob(), pods: [waiting] });
  assert.not.ok(bypassesRateLimit(observed, wanted));
});

test('what a worker reports is not urgent, whatever it is', () => {
  for (const phase of ['Uploading', 'Succeeded', 'Failed', 'Cancelled'] as const) {
    assert.not.ok(bypassesRateLimit(anObservation({ job: aJob(), pods: [pod], live: { phase } }), wanted));
  }
});

test.run();
