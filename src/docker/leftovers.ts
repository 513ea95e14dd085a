import { defined, isRecord, numberOf } from '../api/json-values.ts';
import { labels } from '../api/names.ts';
import { createdAtMs, idOf } from './container-state.ts';
import { engineCall } from './engine-call.ts';
import { isUnreachable, notAnEngine, unavailable } from './engine-error.ts';
import { connectEngine, type Engine, type EngineContext } from './engine.ts';
import type { EngineWait } from './engine-wait.ts';
import { removeContainer } from './remove-container.ts';

type CleanEngineOptions = {
  readonly dockerSocket: string;
  readonly runUid: string;
  readonly signal: AbortSignal;
  /** How long to wait for an engine that is away; by default 15 s. */
  readonly wait?: EngineWait | undefined;
};

/**
 * Connects to the engine and removes the containers of the run's earlier attempts, because they could still
 * write into the volumes of the run.
 */
export async function cleanEngine(options: CleanEngineOptions): Promise<Engine> {
  const { dockerSocket, runUid, signal, wait } = options;
  const clean = async (restartMs?: number) => {
    const engine = await connectEngine({ socketPath: dockerSocket, signal, ...defined({ restartMs }) });
    const { runUid: uidLabel, attempt } = labels;
    await removeLeftovers({ engine, signal }, { labels: { runUid: uidLabel, attempt }, runUid });
    return engine;
  };
  return wait === undefined ? clean() : wait.until(() => clean(0));
}

/** The names of the labels that hold the run's uid and the attempt. */
type LeftoverLabels = { readonly runUid: string; readonly attempt: string };

type LeftoverOptions = {
  readonly labels: LeftoverLabels;
  readonly runUid: string;
  /** The attempt whose container stays. */
  readonly exceptAttempt?: string;
};

/** A container that was created this many milliseconds ago and never started has lost its worker in between. */
const abandonedMs = 600_000;

/**
 * Removes what earlier attempts of a run left, running or not. Also removes containers of any run that were
 * created long ago but never started, because the engine does not. Returns the ids of the removed containers.
 * @throws RunError EngineUnavailable when the engine does not answer or a container could not be removed
 */
export async function removeLeftovers(context: EngineContext, options: LeftoverOptions): Promise<string[]> {
  const { runUid, attempt } = options.labels;
  const ofRun = await list(context, { label: [`${runUid}=${options.runUid}`] });
  const neverStarted = await list(context, { label: [runUid], status: ['created'] });
  const horizon = Date.now() - abandonedMs;
  const ids = new Set([
    ...ofRun
      .filter((one) => options.exceptAttempt === undefined || one.labels[attempt] !== options.exceptAttempt)
      .map(({ id }) => id),
    ...neverStarted.filter((one) => createdAtMs(one) < horizon).map(({ id }) => id),
  ]);
  await Promise.all(Array.from(ids, (id) => removeContainer(context.engine, id, context.signal)));
  return [...ids];
}

async function list({ engine, signal }: EngineContext, filters: Record<string, string[]>) {
  try {
    const listed = await engineCall<unknown>({ signal }, (abortSignal) =>
      engine.docker.listContainers({ all: true, filters: JSON.stringify(filters), abortSignal }),
    );
    if (!Array.isArray(listed)) throw notAnEngine(engine.socketPath, 'a list of containers');
    return listed.filter(isRecord).flatMap((one) => {
      const id = idOf(one['Id']);
      const found = {
        created: numberOf(one['Created']) ?? 0,
        labels: isRecord(one['Labels']) ? one['Labels'] : {},
      };
      return id === undefined ? [] : [{ id, ...found }];
    });
  } catch (error) {
    signal.throwIfAborted();
    throw isUnreachable(error) ? unavailable(engine.socketPath, error) : error;
  }
}
