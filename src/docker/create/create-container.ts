import { deadline, raceAbort } from '../../support/abort.ts';
import { RunError } from '../../support/errors.ts';
import { engineCall } from '../engine-call.ts';
import { statusOf, toCreateError } from '../engine-error.ts';
import type { EngineContext } from '../engine.ts';
import { removeContainer } from '../remove-container.ts';
import { type ContainerOptions, containerSpec } from './container-spec.ts';

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

/** One way to create a container, and how it differs from the one tried before it. */
type GpuAttempt = { readonly options: ContainerOptions; readonly difference: string };

/**
 * The ways to give a target its GPUs, in the order in which they are tried. As in Girder Worker, an asked-for
 * runtime `nvidia` is a device request first, because engines with NVIDIA's toolkit need not know that runtime;
 * and what only the image asks for can be done without.
 */
export function gpuAttempts(options: ContainerOptions): [GpuAttempt, ...GpuAttempt[]] {
  const asked: GpuAttempt = { options, difference: '' };
  const { docker, gpus } = options;
  if (docker?.deviceRequests !== undefined) return [asked];
  if (docker?.runtime === 'nvidia') {
    const { runtime, ...others } = docker;
    const requested = { ...options, docker: others, gpus: gpus ?? { count: -1 } };
    const difference = `The engine cannot give GPUs by a device request, so its runtime ${runtime} does`;
    return [
      { options: requested, difference: '' },
      { ...asked, difference },
    ];
  }
  if (gpus?.optional !== true) return [asked];
  const difference = 'The image asks for a GPU, but the node can give none, so the target runs without';
  return [asked, { options: { ...options, gpus: undefined }, difference }];
}

const noGpu =
  /could not select device driver|unknown or invalid runtime|unknown runtime|nvidia-container|unresolvable CDI devices/i;

/** True when a container did not start because the engine has no GPU to give. */
export function canDoWithout(error: unknown): boolean {
  if (!(error instanceof RunError)) return false;
  const isRefusal = error.reason === 'ContainerStartFailed' || error.reason === 'ContainerCreateFailed';
  return isRefusal && noGpu.test(error.message);
}
