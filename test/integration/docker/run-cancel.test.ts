import { Writable } from 'node:stream';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { runContainer } from '../../../src/docker/run-container.ts';
import {
  collector,
  containerOf,
  engineUnderTest,
  failureOf,
  leftContainers,
  run,
  followedInto,
} from './engine-under-test.ts';

const engine = await engineUnderTest();

/** Less than the 30 s that a run without a cancel waits for a stalled sink. */
const hurriedMs = 20_000;

/** A cancel that measures the time since it happened. */
function aCancel() {
  const cancelling = new AbortController();
  let cancelledAt = Infinity;
  const cancel = () => {
    cancelledAt = Date.now();
    cancelling.abort();
  };
  return { cancel, signal: cancelling.signal, took: () => Date.now() - cancelledAt };
}

/** Runs a command, cancels it once it has printed a text, and also returns how long the cancel took in ms. */
async function cancelWhenPrinted(printed: string, command: string[], stopGraceMs: number) {
  const { cancel, signal, took } = aCancel();
  const ran = await run(engine, command, {
    support: { signal, stopGraceMs },
    cue: { printed, act: cancel },
  });
  return { ...ran, took: took() };
}

test('a cancel before the run starts creates nothing', async () => {
  const failure = await failureOf(run(engine, ['true'], { support: { signal: AbortSignal.abort() } }));
  assert.is(failure.reason, 'Cancelled');
  assert.equal(await leftContainers(engine), []);
});

test('a cancel at any moment of create, attach and start leaves no container', async () => {
  for (let delay = 0; delay <= 240; delay += 8) {
    const cancelling = new AbortController();
    setTimeout(() => cancelling.abort(), delay);
    const settled = await Promise.allSettled([
      run(engine, ['sleep', '60'], { support: { signal: cancelling.signal } }),
    ]);
    const [result] = settled;
    if (result.status === 'fulfilled') assert.is(result.value.outcome.stopped, 'cancelled');
    else assert.is((result.reason as { reason?: string }).reason, 'Cancelled', String(result.reason));
    assert.equal(await leftContainers(engine), [], `cancelled after ${delay} ms`);
  }
});

test('a target that handles SIGTERM stops at once and may still print', async () => {
  const script = 'trap "echo stopping; exit 9" TERM; echo ready; while true; do sleep 0.1; done';
  const { outcome, stdout, took } = await cancelWhenPrinted('ready', ['sh', '-c', script], 60_000);
  assert.is(outcome.stopped, 'cancelled');
  assert.is(outcome.exitCode, 9);
  assert.is(stdout, 'ready\nstopping\n');
  assert.ok(took < 50_000, `${took} ms`);
});

test('a target without a SIGTERM handler ends before the grace period is over, thanks to the init process', async () => {
  // The init process handles signals from just before it starts its child; an earlier SIGTERM would be lost.
  const script = 'echo ready; exec sleep 600';
  const { outcome, took } = await cancelWhenPrinted('ready', ['sh', '-c', script], 60_000);
  assert.is(outcome.exitCode, 143);
  assert.ok(took < 50_000, `${took} ms`);
});

test('a target that ignores SIGTERM is killed after the grace period', async () => {
  const script = 'trap "" TERM; echo ready; sleep 600';
  const { outcome, took } = await cancelWhenPrinted('ready', ['sh', '-c', script], 2_000);
  assert.is(outcome.exitCode, 137);
  assert.ok(took >= 1_900, `${took} ms`);
});

test('a target that never stops printing can be cancelled', async () => {
  const much = 'chatter\n'.repeat(125_000);
  const { outcome, took } = await cancelWhenPrinted(much, ['yes', 'chatter'], 60_000);
  assert.is(outcome.stopped, 'cancelled');
  assert.ok(took < 50_000, `${took} ms`);
});

test('a target that never stops printing into a sink that never accepts it can be cancelled', async () => {
  const stuck = new Writable({ write: () => undefined });
  const { cancel, signal, took } = aCancel();
  const outcome = await runContainer({ engine, signal }, containerOf(['yes', 'chatter']), {
    ...followedInto(stuck, collector().sink),
    onStarted: () => void setTimeout(cancel, 1_500),
  });
  assert.is(outcome.stopped, 'cancelled');
  assert.not(outcome.outputComplete);
  assert.ok(took() < hurriedMs, `${took()} ms`);
});

test('a cancel ends the wait for a stalled sink', async () => {
  const stuck = new Writable({ write: () => undefined });
  const { cancel, signal, took } = aCancel();
  /** The run learns of the end a moment after the engine, and no event shows when. */
  const cancelAfterEnd = async (id: string) => {
    await engine.docker
      .getContainer(id)
      .wait()
      .catch(() => undefined);
    setTimeout(cancel, 8_000);
  };
  const outcome = await runContainer({ engine, signal }, containerOf(['echo', 'last word']), {
    ...followedInto(stuck, collector().sink),
    // Longer than the cancel takes, so that the wait cannot end by itself first.
    drainIdleMs: 60_000,
    onStarted: ({ containerID }) => void cancelAfterEnd(containerID),
  });
  assert.is(outcome.exitCode, 0);
  assert.is(outcome.stopped, undefined);
  assert.not(outcome.outputComplete);
  assert.ok(took() < hurriedMs, `${took()} ms`);
});

test('a target that runs longer than its deadline is stopped, and the outcome reports it', async () => {
  const begin = Date.now();
  const support = { activeDeadlineMs: 1_000, stopGraceMs: 10_000 };
  const { outcome } = await run(engine, ['sleep', '600'], { support });
  assert.is(outcome.stopped, 'deadline');
  assert.is(outcome.exitCode, 143);
  assert.ok(Date.now() - begin < 30_000);
});

test('a deadline of a hundred days does not overflow to one millisecond', async () => {
  const { outcome } = await run(engine, ['sleep', '1'], { support: { activeDeadlineMs: 100 * 86_400_000 } });
  assert.is(outcome.stopped, undefined);
  assert.is(outcome.exitCode, 0);
});

test('a target that ends by itself at the moment of a cancel is removed in either case', async () => {
  for (let i = 0; i < 20; i += 1) {
    const cancelling = new AbortController();
    const onStarted = () => void setTimeout(() => cancelling.abort(), i * 3);
    await run(engine, ['sleep', '0.02'], { support: { signal: cancelling.signal, onStarted } });
    assert.equal(await leftContainers(engine), []);
  }
});

test.after(async () => {
  assert.equal(await leftContainers(engine), []);
});

test.run();
