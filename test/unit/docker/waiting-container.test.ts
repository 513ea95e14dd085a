import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StaleContainer, waitForTurn } from '../../../src/docker/waiting-container.ts';

type Waiting = Parameters<typeof waitForTurn>[0];

const forever = new Promise<void>(() => undefined);
const never = new AbortController().signal;

/** What is known of a container that waits. */
function waiting({ destroyed = forever, wasInterrupted = false, hasEnded = false } = {}): Waiting {
  return { watch: { destroyed, wasInterrupted }, output: { hasEnded } };
}

async function endOf(container: Waiting, turn = Promise.resolve(), signal = never): Promise<string> {
  // The wait itself keeps no process alive.
  const awake = setTimeout(() => undefined, 10_000);
  const wait = waitForTurn(container, { awaitTurn: () => turn }, { signal, longestMs: 10 });
  return wait
    .then(
      () => 'starts',
      (error: unknown) => (error instanceof StaleContainer ? 'stale' : String(error)),
    )
    .finally(() => clearTimeout(awake));
}

test('a container starts at its turn', async () => {
  assert.is(await endOf(waiting()), 'starts');
});

test('another container replaces one that waited too long, was removed, or lost its engine', async () => {
  assert.is(await endOf(waiting(), forever), 'stale');
  assert.is(await endOf(waiting({ destroyed: Promise.resolve() }), forever), 'stale');
  assert.is(await endOf(waiting({ wasInterrupted: true })), 'stale');
  assert.is(await endOf(waiting({ hasEnded: true })), 'stale');
});

test('a cancel ends the wait', async () => {
  assert.match(await endOf(waiting(), forever, AbortSignal.abort()), /stopped before its container started/);
});

test.run();
