import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContainerOutcome } from '../../../src/docker/run-container.ts';
import { pullPolicy, targetFailure, targetStatus } from '../../../src/worker/target-options.ts';
import { aSpec } from '../../fixtures/builders.ts';

for (const [image, policy] of [
  ['busybox', 'Always'],
  ['busybox:latest', 'Always'],
  ['registry.example.org/lab/segment', 'Always'],
  ['registry.example.org:5000/segment', 'Always'],
  ['registry.example.org:5000/segment:latest', 'Always'],
  ['busybox:1.36', 'IfNotPresent'],
  ['registry.example.org:5000/segment:1.4', 'IfNotPresent'],
  [`busybox@sha256:${'0'.repeat(64)}`, 'IfNotPresent'],
  [`busybox:latest@sha256:${'0'.repeat(64)}`, 'IfNotPresent'],
] as const) {
  test(`${image.slice(0, 50)} is pulled ${policy} when the run does not say`, () => {
    assert.is(pullPolicy({ image }), policy);
  });
}

test('what the run says about pulling counts', () => {
  for (const imagePullPolicy of ['Always', 'IfNotPresent', 'Never'] as const)
    assert.is(pullPolicy({ image: 'busybox', imagePullPolicy }), imagePullPolicy);
});

const outcome = (more: Partial<ContainerOutcome>): ContainerOutcome => ({
  containerID: 'c',
  exitCode: 0,
  oomKilled: false,
  startedAt: '2026-01-02T03:04:05.000Z',
  finishedAt: '2026-01-02T03:05:05.000Z',
  outputComplete: true,
  ...more,
});

const spec = aSpec({ activeDeadlineSeconds: 60, resources: { limits: { memory: '8Gi' } } });

const ends: [
  what: string,
  how: Partial<ContainerOutcome>,
  word: string,
  failure: string | undefined,
  RegExp,
][] = [
  ['with exit code 0', {}, 'Completed', undefined, /^$/],
  ['with another exit code', { exitCode: 3 }, 'Error', 'TargetFailed', /exit code 3/],
  ['by SIGKILL of its own', { exitCode: 137 }, 'Error', 'TargetFailed', /exit code 137/],
  ['for want of memory', { exitCode: 137, oomKilled: true }, 'OOMKilled', 'OOMKilled', /\(8Gi\)/],
  [
    'at its deadline',
    { exitCode: 143, stopped: 'deadline' },
    'DeadlineExceeded',
    'ActiveDeadlineExceeded',
    /longer than 60 s/,
  ],
  ['when it was cancelled', { exitCode: 143, stopped: 'cancelled' }, 'Cancelled', 'Cancelled', /stopped/],
  [
    'with exit code 0 when it was cancelled',
    { exitCode: 0, stopped: 'cancelled' },
    'Cancelled',
    'Cancelled',
    /stopped/,
  ],
  [
    'with exit code 0 though a child of it was killed for want of memory',
    { exitCode: 0, oomKilled: true },
    'Completed',
    undefined,
    /^$/,
  ],
];

for (const [what, how, word, reason, message] of ends) {
  test(`a target that ended ${what} is ${word}`, () => {
    assert.is(targetStatus(outcome(how)).reason, word);
    const failure = targetFailure(outcome(how), spec);
    assert.is(failure?.reason, reason);
    assert.match(failure?.message ?? '', message);
  });
}

test('a target that was killed for want of memory without a limit of its own says no number', () => {
  const failure = targetFailure(outcome({ exitCode: 137, oomKilled: true }), aSpec());
  assert.not.match(failure?.message ?? '', /undefined|\(/);
});

test('the status of a target is what a pod shows of a container', () => {
  assert.equal(targetStatus(outcome({ exitCode: 3 })), {
    containerID: 'c',
    exitCode: 3,
    oomKilled: false,
    reason: 'Error',
    startedAt: '2026-01-02T03:04:05.000Z',
    finishedAt: '2026-01-02T03:05:05.000Z',
  });
});

test.run();
