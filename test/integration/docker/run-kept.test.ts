import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { removeLeftovers } from '../../../src/docker/leftovers.ts';
import { removeContainer } from '../../../src/docker/remove-container.ts';
import { type Cue, engineUnderTest, failureOf, leftContainers, never, run } from './engine-under-test.ts';

const engine = await engineUnderTest();

/** Runs a container that is kept, returns its state afterwards, and removes it. */
async function kept(command: string[], cancelling?: { cue: Cue; signal: AbortSignal }) {
  const { cue, signal = never } = cancelling ?? {};
  const { outcome } = await run(engine, command, {
    container: { keep: true },
    support: { signal, stopGraceMs: 10_000 },
    ...(cue === undefined ? {} : { cue }),
  });
  const { State } = await engine.docker.getContainer(outcome.containerID).inspect();
  await removeContainer(engine, outcome.containerID, never);
  return { outcome, state: State };
}

test('a kept container still exists after its end, with its exit code', async () => {
  const { outcome, state } = await kept(['sh', '-c', 'exit 7']);
  assert.is(outcome.exitCode, 7);
  assert.is(outcome.stopped, undefined);
  assert.is(outcome.outputComplete, true);
  assert.equal([state.Status, state.ExitCode], ['exited', 7]);
});

test('a kept container also stops on a cancel', async () => {
  const cancelling = new AbortController();
  const { outcome, state } = await kept(['sh', '-c', 'echo ready; exec sleep 600'], {
    cue: { printed: 'ready', act: () => cancelling.abort() },
    signal: cancelling.signal,
  });
  assert.is(outcome.stopped, 'cancelled');
  assert.is(outcome.exitCode, 143);
  assert.is(state.Running, false);
});

test('a container that never started is not kept', async () => {
  const failure = await failureOf(
    run(engine, ['true'], { container: { keep: true, docker: { user: 'nobody-such' } } }),
  );
  assert.is(failure.reason, 'ContainerStartFailed');
  assert.equal(await leftContainers(engine), []);
});

test('the next attempt of the run removes the kept container', async () => {
  const labels = { runUid: 'dockerrun-test-run', attempt: 'dockerrun-test-attempt' };
  const runUid = `kept-${process.pid}`;
  const { outcome } = await run(engine, ['true'], {
    container: { keep: true, labels: { [labels.runUid]: runUid, [labels.attempt]: '1' } },
  });
  assert.equal(await removeLeftovers({ engine, signal: never }, { labels, runUid }), [outcome.containerID]);
});

test.after(async () => {
  assert.equal(await leftContainers(engine), []);
});

test.run();
