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
  test(`${image.slice(0, 50)} has the default pull policy ${policy}`, () => {
    assert.is(pullPolicy({ image }), policy);
  });
}

test('the imagePullPolicy of the run takes precedence', () => {
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
  status: string,
  failure: string | undefined,
  RegExp,
][] = [
  ['with exit code 0', {}, 'Completed', undefined, /^$/],
  ['with another exit code', { exitCode: 3 }, 'Error', 'TargetFailed', /exit code 3/],
  ['by a SIGKILL of unknown origin', { exitCode: 137 }, 'Error', 'TargetFailed', /exit code 137/],
  ['because memory ran out', { exitCode: 137, oomKilled: true }, 'OOMKilled', 'OOMKilled', /\(8Gi\)/],
  [
    'at its deadline',
    { exitCode: 143, stopped: 'deadline' },
    'DeadlineExceeded',
    'ActiveDeadlineExceeded',
    /longer than 60 s/,
  ],
  ['because it was cancelled', { exitCode: 143, stopped: 'cancelled' }, 'Cancelled', 'Cancelled', /stopped/],
  [
    'with exit code 0 after a cancel',
    { exitCode: 0, stopped: 'cancelled' },
    'Cancelled',
    'Cancelled',
    /stopped/,
  ],
  [
    'with exit code 0 although memory ran out for a child of it',
    { exitCode: 0, oomKilled: true },
    'Completed',
    undefined,
    /^$/,
  ],
];

for (const [what, how, status, reason, message] of ends) {
  test(`a target that ended ${what} has the reason ${status}`, () => {
    assert.is(targetStatus(outcome(how)).reason, status);
    const failure = targetFailure(outcome(how), spec);
    assert.is(failure?.reason, reason);
    assert.match(failure?.message ?? '', message);
  });
}

for (const stderrHead of [
  's6-overlay-suexec: fatal: can only run as pid 1\n',
  'init: can only be process 1\n',
  'Trying to run as user instance, but the system has not been booted with systemd. must run as PID 1\n',
]) {
  test(`a refusal to be another process than the first names docker.init: ${stderrHead.slice(0, 20)}`, () => {
    const ended = outcome({ exitCode: 100, stderrHead });
    assert.match(targetFailure(ended, aSpec())?.message ?? '', 'set docker.init: false');
    assert.not.match(targetFailure(ended, aSpec({ docker: { init: false } }))?.message ?? '', /docker\.init/);
    const other = outcome({ exitCode: 100, stderrHead: 'no process 12 found' });
    assert.not.match(targetFailure(other, aSpec())?.message ?? '', /docker\.init/);
  });
}

test('the message for an OOM kill without a limit has no number', () => {
  const failure = targetFailure(outcome({ exitCode: 137, oomKilled: true }), aSpec());
  assert.not.match(failure?.message ?? '', /undefined|\(/);
});

test('the message for an OOM kill below the limit of a pod says what that leaves', () => {
  const failure = targetFailure(outcome({ exitCode: 137, oomKilled: true }), aSpec(), 200 * 2 ** 20);
  assert.match(failure?.message ?? '', 'more memory than its pod leaves it (200Mi) and was killed');
});

test('the status of a target has the fields of a terminated container in a pod', () => {
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
