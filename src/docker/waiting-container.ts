import { settledWithin } from '../support/abort.ts';
import { cancelledBeforeStart } from './create/create-container.ts';
import type { FollowOptions, WatchedContainer } from './follow-target.ts';

/**
 * How long a container waits for its turn before another one replaces it, in milliseconds: less than the ten minutes
 * after which a container that never started counts as left behind by a worker that died, and is removed.
 */
const longestWaitMs = 300_000;

/** A created container that must not be started any more; another one takes its place. */
export class StaleContainer extends Error {
  override readonly name = 'StaleContainer';
}

/** What is seen of a container that waits. */
type Waiting = {
  readonly watch: Pick<WatchedContainer['watch'], 'destroyed' | 'wasInterrupted'>;
  readonly output: Pick<WatchedContainer['output'], 'hasEnded'>;
};

/**
 * Waits until a container that is created, watched and attached may start.
 * @throws StaleContainer when it waited for long, was removed, or the engine was away, with which its output is lost
 */
export async function waitForTurn(
  { watch, output }: Waiting,
  { awaitTurn }: Pick<FollowOptions, 'awaitTurn'>,
  { signal, longestMs = longestWaitMs }: { signal: AbortSignal; longestMs?: number },
): Promise<void> {
  if (awaitTurn === undefined) return;
  const first = Promise.race([awaitTurn().then(() => true), watch.destroyed.then(() => false)]);
  const isTurn = await settledWithin(first, longestMs, signal);
  if (signal.aborted) throw cancelledBeforeStart();
  if (isTurn !== true || watch.wasInterrupted || output.hasEnded)
    throw new StaleContainer('the container cannot be started any more');
}
