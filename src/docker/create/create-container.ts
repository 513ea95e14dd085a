import { deadline, raceAbort } from '../../support/abort.ts';
import { RunError } from '../../support/errors.ts';
import { statusOf, toCreateError } from '../classify.ts';
import { type ContainerOptions, containerSpec } from './container-spec.ts';
import type { EngineContext } from '../engine.ts';
import { engineCall } from '../engine-call.ts';
import { removeContainer } from '../remove-container.ts';

const createMs = 60_000;
const lingerMs = 5_000;

/**
 * Creates the container and gives its id. A request the engine has got cannot be taken back, so a cancel waits
 * shortly for its answer and then removes by name what may have come of it.
 * @throws RunError HostPathNotVisible, ImageNotFound, ContainerCreateFailed, EngineUnavailable, or Cancelled
 */
export async function createContainer(
  { engine, signal }: EngineContext,
  options: ContainerOptions,
): Promise<string> {
  if (signal.aborted) throw cancelledBeforeStart();
  const creating = engineCall({ timeoutMs: createMs }, (abortSignal) => {
    const { name, docker } = options;
    const query = docker?.platform === undefined ? { name } : { name, platform: docker.platform };
    const request = { abortSignal, _query: query, _body: containerSpec(options, engine) };
    return engine.docker.createContainer(request);
  });
  try {
    return (await settledDespite(creating, signal)).id;
  } catch (error) {
    // Only an engine's refusal is sure to have created nothing.
    if (statusOf(error) === undefined) await removeContainer(engine, options.name, signal);
    if (signal.aborted) throw cancelledBeforeStart();
    throw toCreateError(error, { image: options.image, name: options.name, socketPath: engine.socketPath });
  }
}

/** The run was stopped while there was no target yet. */
export function cancelledBeforeStart(): RunError {
  return new RunError('Cancelled', 'The run was stopped before its container started');
}

/** Waits for a call; after an abort for only 5 s more. */
export async function settledDespite<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await raceAbort(call, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    return raceAbort(call, deadline(lingerMs));
  }
}
