import { labels } from '../api/names.ts';
import { connectEngine, type Engine } from '../docker/engine.ts';
import { removeLeftovers } from '../docker/leftovers.ts';

/** Which engine, and whose containers. */
export type CleanEngineOptions = {
  readonly dockerSocket: string;
  readonly runUid: string;
  readonly signal: AbortSignal;
};

/** The engine without the containers of earlier attempts: they could still write into the run's volumes. */
export async function cleanEngine({ dockerSocket, runUid, signal }: CleanEngineOptions): Promise<Engine> {
  const engine = await connectEngine({ socketPath: dockerSocket, signal });
  const { runUid: uidLabel, attempt } = labels;
  await removeLeftovers({ engine, signal }, { labels: { runUid: uidLabel, attempt }, runUid });
  return engine;
}
