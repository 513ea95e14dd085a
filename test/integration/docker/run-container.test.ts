import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { RunError } from '../../../src/support/errors.ts';
import { engineUnderTest, failureOf, leftContainers, run } from './engine-under-test.ts';

const engine = await engineUnderTest();
const broken = () => new RunError('DownloadFailed', 'the stream broke');

test('a failure elsewhere in the run stops the target, as a cancel does', async () => {
  const failing = new AbortController();
  const script = 'trap "echo last word; exit 9" TERM; echo ready; while true; do sleep 0.1; done';
  const { outcome, stdout } = await run(engine, ['sh', '-c', script], {
    support: {
      fail: failing.signal,
      stopGraceMs: 10_000,
    },
    cue: { printed: 'ready', act: () => failing.abort(broken()) },
  });
  assert.is(outcome.stopped, 'failed');
  assert.is(outcome.exitCode, 9);
  assert.match(stdout, /last word/);
});

test('a failure elsewhere before the start is the reason that the run fails with', async () => {
  const fail = AbortSignal.abort(broken());
  const failure = await failureOf(run(engine, ['true'], { support: { fail } }));
  assert.equal(failure, { reason: 'DownloadFailed', message: 'the stream broke' });
});

test('a cancel wins when the run fails at the same time', async () => {
  const fail = AbortSignal.abort(broken());
  const support = { fail, signal: AbortSignal.abort() };
  assert.is((await failureOf(run(engine, ['true'], { support }))).reason, 'Cancelled');
});

test('the work before the start is done before anything runs', async () => {
  let status = 'never asked';
  const beforeStart = async (id: string) => {
    status = (await engine.docker.getContainer(id).inspect()).State.Status;
  };
  const { outcome, stdout } = await run(engine, ['echo', 'first'], { support: { beforeStart } });
  assert.is(status, 'created');
  assert.is(outcome.exitCode, 0);
  assert.is(stdout, 'first\n');
});

test('the target never starts when the work before the start fails', async () => {
  let hasStarted = false;
  const support = {
    beforeStart: async () => Promise.reject(broken()),
    onStarted: () => void (hasStarted = true),
  };
  const failure = await failureOf(run(engine, ['true'], { support }));
  assert.is(failure.reason, 'DownloadFailed');
  assert.not(hasStarted);
});

test('the work before the start does not hold up a cancel', async () => {
  const cancelling = new AbortController();
  const beforeStart = async () => {
    cancelling.abort();
    return new Promise<void>(() => undefined);
  };
  const failure = await failureOf(
    run(engine, ['true'], { support: { beforeStart, signal: cancelling.signal } }),
  );
  assert.is(failure.reason, 'Cancelled');
});

test('a GPU that only the image asks for is left out where the engine has no GPU', async () => {
  const warnings: string[] = [];
  let prepared = 0;
  const { outcome, stdout } = await run(engine, ['echo', 'on the CPU'], {
    container: { gpus: { count: -1, optional: true } },
    support: {
      log: { warn: (message) => void warnings.push(message) },
      beforeStart: async () => void (prepared += 1),
    },
  });
  assert.is(outcome.exitCode, 0);
  assert.is(stdout, 'on the CPU\n');
  assert.is(warnings.length, 1);
  assert.match(warnings[0] ?? '', /asks for a GPU.*could not select device driver/);
  assert.is(prepared, 1);
});

test('a GPU that the run asks for is never left out', async () => {
  const failure = await failureOf(run(engine, ['true'], { container: { gpus: { deviceIds: ['GPU-1'] } } }));
  assert.is(failure.reason, 'ContainerStartFailed');
  assert.match(failure.message, /could not select device driver/);
});

test('the error names the runtime nvidia where the engine does not know it', async () => {
  const failure = await failureOf(run(engine, ['true'], { container: { docker: { runtime: 'nvidia' } } }));
  assert.is(failure.reason, 'ContainerCreateFailed');
  assert.match(failure.message, /runtime.*nvidia/i);
});

test.after(async () => {
  assert.equal(await leftContainers(engine), []);
});

test.run();
