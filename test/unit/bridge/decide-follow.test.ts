import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decideFollow,
  type FollowInput,
  type KnownJob,
  lookEveryMs,
  settlingMs,
  workerReportMs,
} from '../../../src/bridge/follow/decide-follow.ts';
import type { FollowedRun } from '../../../src/bridge/runs/followed-run.ts';
import { aFollowedRun } from '../../fixtures/builders-bridge.ts';

const now = 1_000_000;

const aRun = aFollowedRun({ createdAt: now - 60_000 });

const aJob: KnownJob = { status: 2, lookedAt: now, isInaccessible: false, said: new Set(['start']) };

function decide(run: Partial<FollowedRun>, job: Partial<KnownJob> = {}, more: Partial<FollowInput> = {}) {
  return decideFollow({
    run: { ...aRun, ...run },
    job: { ...aJob, ...job },
    deletedAt: undefined,
    now,
    ...more,
  });
}

const ended = { phase: 'Failed', message: 'No node.', completedAt: now - 30_000 };

test('a job is looked at before anything is written', () => {
  assert.is(decide({}, { status: undefined }).kind, 'Look');
  assert.is(decide(ended, { status: undefined }).kind, 'Look');
});

test('the first look waits until the Secret with the token is there', () => {
  const first = decide({ createdAt: now - 400 }, { status: undefined });
  assert.equal(first, { kind: 'Wait', ms: 600 });
});

test('a new job hears where it runs and its notes together with RUNNING', () => {
  const first = decide({ notes: ['A note.'] }, { status: 0, said: new Set() });
  assert.equal(first, {
    kind: 'Announce',
    lines: 'Runs on Kubernetes as the DockerRun lab/girder-1.\nA note.',
  });
  assert.equal(decide({}, { status: 0 }), { kind: 'Advance', to: 2 });
  assert.equal(decide({}, { status: 1 }), { kind: 'Advance', to: 2 });
});

test('a worker that was faster than the first look leaves the first lines to be said, however late that is', () => {
  const say = {
    kind: 'Say',
    key: 'start',
    lines: 'Runs on Kubernetes as the DockerRun lab/girder-1.\nA note.',
  };
  const young = { notes: ['A note.'], createdAt: now - 1_000 };
  const running = { ...young, phase: 'Running' };
  const over = { ...young, phase: 'Succeeded', attempts: 1, completedAt: now };
  const silent = new Set<string>();
  assert.equal(decide(running, { said: silent }), say);
  assert.equal(decide(over, { said: silent, status: 3 }), say);
  assert.is(decide(running).kind, 'Wait');
  assert.is(decide(over, { status: 3 }).kind, 'Wait');
  assert.is(decide(running, { said: silent, status: 824 }).kind, 'CancelRun');
  const later = now + 100 * settlingMs;
  assert.equal(decide(running, { said: silent, lookedAt: later }, { now: later }), say);
  // Without a worker, only a bridge can have made the job RUNNING, and with it has said them.
  assert.is(decide(young, { said: silent }).kind, 'Wait');
});

test('the lines that are said late are in those that were said with an eta', () => {
  const notBefore = now + 3_000;
  const early = decide({ notes: ['A note.'], notBefore, isSuspended: true }, { status: 0, said: new Set() });
  const late = decide({ notes: ['A note.'], phase: 'Running' }, { said: new Set() });
  assert.ok(early.kind === 'Announce' && late.kind === 'Say');
  assert.ok(early.lines.startsWith(`${late.lines}\n`), early.lines);
});

test('a cancel in Girder cancels a run without a worker, once', () => {
  for (const status of [5, 824]) {
    assert.is(decide({}, { status }).kind, 'CancelRun');
    assert.is(decide({ isCancelled: true }, { status }).kind, 'Wait');
  }
});

test('a run without a worker is watched for a cancel, and one with a worker is not', () => {
  assert.is(decide({}, { lookedAt: now - lookEveryMs }).kind, 'Look');
  assert.equal(decide({}, { lookedAt: now - lookEveryMs + 1 }), { kind: 'Wait', ms: 1 });
  assert.is(decide({ phase: 'Running' }, { lookedAt: now - lookEveryMs }).kind, 'Forget');
});

test('with a worker, the job is looked at once more after slicer_cli_web has saved it', () => {
  const run = { phase: 'Running', createdAt: now - 1_000 };
  assert.equal(decide(run), { kind: 'Wait', ms: settlingMs - 1_000 });
  assert.is(decide(run, {}, { now: now + settlingMs }).kind, 'Look');
});

test('the end of a run that had no worker is reported at once: the log before the status', () => {
  assert.equal(decide(ended), { kind: 'SayLast', line: 'No node.' });
  const said = new Set(['end']);
  assert.equal(decide(ended, { said }), { kind: 'Advance', to: 4 });
  assert.equal(decide({ ...ended, phase: 'Cancelled' }, { said }), { kind: 'Advance', to: 5 });
  assert.equal(decide({ ...ended, phase: 'Succeeded' }, { said }), { kind: 'Advance', to: 3 });
});

test('the end of a run that had a worker is left to it for a while, and then looked up', () => {
  const run = { ...ended, attempts: 1, completedAt: now - 1_000 };
  assert.equal(decide(run), { kind: 'Wait', ms: workerReportMs - 1_000 });
  assert.is(decide(run, {}, { now: now + workerReportMs }).kind, 'Look');
});

test('a job that has ended is marked, but not before slicer_cli_web has saved it', () => {
  assert.is(decide(ended, { status: 4 }).kind, 'MarkReported');
  const young = { ...ended, createdAt: now - 1_000 };
  assert.equal(decide(young, { status: 4 }), { kind: 'Wait', ms: settlingMs - 1_000 });
  assert.is(decide({ ...ended, isReported: true }, { status: undefined }).kind, 'Forget');
});

test('a run that was deleted ends its job as CANCELED', () => {
  const deletedAt = now - 1;
  assert.is(decide({}, { lookedAt: 0 }, { deletedAt }).kind, 'Look');
  const step = decide({}, {}, { deletedAt });
  assert.equal(step, { kind: 'SayLast', line: 'The DockerRun lab/girder-1 was deleted.' });
  assert.equal(decide({}, { said: new Set(['end']) }, { deletedAt }), { kind: 'Advance', to: 5 });
  assert.is(decide({}, { status: 5 }, { deletedAt }).kind, 'Forget');
  // Its worker is being stopped, and reports that itself.
  assert.is(decide({ phase: 'Running' }, {}, { deletedAt }).kind, 'Wait');
});

test('what a run waits for is said once, whatever numbers are in it', () => {
  const message = '0/3 nodes are available.';
  const step = decide({ message });
  assert.ok(step.kind === 'Say' && step.lines === `Pending: ${message}`);
  const said = new Set(['start', step.kind === 'Say' ? step.key : '']);
  assert.is(decide({ message: '0/4 nodes are available.' }, { said }).kind, 'Wait');
  assert.is(decide({ message: 'Exceeded quota.' }, { said }).kind, 'Say');
  assert.is(decide({ message, createdAt: now - 1_000 }).kind, 'Wait');
});

test('a suspended run is resumed when its time has come', () => {
  const notBefore = now + 3_000;
  assert.equal(decide({ notBefore, isSuspended: true }), { kind: 'Wait', ms: 3_000 });
  assert.is(decide({ notBefore, isSuspended: true }, {}, { now: notBefore }).kind, 'Resume');
  assert.is(decide({ notBefore, isSuspended: true, job: undefined }, {}, { now: notBefore }).kind, 'Resume');
});

const phases = [
  '',
  'Pending',
  'Suspended',
  'Preparing',
  'Running',
  'Uploading',
  'Succeeded',
  'Failed',
  'Cancelled',
];
const inputs: fc.Arbitrary<FollowInput> = fc.record({
  run: fc.record({
    namespace: fc.constant('lab'),
    name: fc.constant('girder-1'),
    uid: fc.constant('u'),
    taskId: fc.constant('1'),
    createdAt: fc.integer({ min: 0, max: now }),
    job: fc.option(fc.constant(aRun.job), { nil: undefined }),
    notes: fc.array(fc.string(), { maxLength: 2 }),
    notBefore: fc.option(fc.integer({ min: 0, max: 2 * now }), { nil: undefined }),
    isReported: fc.boolean(),
    isSuspended: fc.boolean(),
    isCancelled: fc.boolean(),
    phase: fc.constantFrom(...phases),
    reason: fc.string(),
    message: fc.string(),
    completedAt: fc.option(fc.integer({ min: 0, max: now }), { nil: undefined }),
    attempts: fc.nat(3),
  }),
  job: fc.record({
    status: fc.option(fc.constantFrom(0, 1, 2, 3, 4, 5, 820, 824), { nil: undefined }),
    lookedAt: fc.integer({ min: 0, max: now }),
    isInaccessible: fc.boolean(),
    said: fc.constantFrom(new Set<string>(), new Set(['start']), new Set(['start', 'end'])),
  }),
  deletedAt: fc.option(fc.integer({ min: 0, max: now }), { nil: undefined }),
  now: fc.constant(now),
});

test('every input has a step, and a wait ends', () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const step = decideFollow(input);
      if (step.kind === 'Wait') assert.ok(step.ms > 0, JSON.stringify(step));
      // A job that has ended gets nothing but the first lines, and one that was not looked at nothing at all.
      const isWritten = ['Say', 'SayLast', 'Advance', 'Announce'].includes(step.kind);
      const isFirst = step.kind === 'Say' && step.key === 'start';
      const closed = isFirst ? [undefined] : [undefined, 3, 4, 5];
      if (isWritten) assert.ok(!closed.includes(input.job.status), JSON.stringify(step));
    }),
  );
});

test('the steps come to an end: what is said or set is not said or set again', () => {
  fc.assert(
    fc.property(inputs, (input) => {
      let state = input;
      for (let steps = 0; steps < 12; steps += 1) {
        const step = decideFollow(state);
        if (step.kind === 'Wait' || step.kind === 'Forget') return;
        state = after(state, step);
      }
      assert.unreachable(JSON.stringify(input));
    }),
  );
});

/** The state after a step that did what it should. */
function after(input: FollowInput, step: ReturnType<typeof decideFollow>): FollowInput {
  const { run, job } = input;
  switch (step.kind) {
    case 'Look':
      return { ...input, job: { ...job, status: job.status ?? 2, lookedAt: now } };
    case 'Say':
      return { ...input, job: { ...job, said: new Set([...job.said, step.key]) } };
    case 'SayLast':
      return { ...input, job: { ...job, said: new Set([...job.said, 'end']) } };
    case 'Announce':
      return { ...input, job: { ...job, status: 2, lookedAt: now, said: new Set([...job.said, 'start']) } };
    case 'Advance':
      return { ...input, job: { ...job, status: step.to, lookedAt: now } };
    case 'CancelRun':
      return { ...input, run: { ...run, isCancelled: true } };
    case 'Resume':
      return { ...input, run: { ...run, isSuspended: false, notBefore: undefined } };
    case 'MarkReported':
      return { ...input, run: { ...run, isReported: true } };
    default:
      return input;
  }
}

test.run();
