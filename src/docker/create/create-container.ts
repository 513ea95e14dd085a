import { deadline, raceAbort } from '../../support/abort.ts';
import { RunError } from '../../support/errors.ts';
import { idOf, uptimeLabel } from '../container-state.ts';
import { engineCall } from '../engine-call.ts';
import { notAnEngine, statusOf, toCreateError } from '../engine-error.ts';
import type { EngineContext } from '../engine.ts';
import { removeContainer } from '../remove-container.ts';
import { type ContainerOptions, containerSpec } from './container-spec.ts';

const createMs = 60_000;
const lingerMs = 5_000;

/**
 * Creates the container and returns its id. A request that the engine has received cannot be taken back, so a
 * cancel waits a few seconds for the response and then removes by name what the engine may have created.
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
    const request = { abortSignal, _query: query, _body: bodyOf(options, engine) };
    return engine.docker.createContainer(request);
  });
  try {
    const id = idOf((await settledDespiteAbort(creating, signal)).id);
    if (id !== undefined) return id;
    throw notAnEngine(engine.socketPath, 'the id of the container');
  } catch (error) {
    // Only an error response proves that the engine created nothing.
    if (statusOf(error) === undefined) await removeContainer(engine, options.name, signal);
    if (signal.aborted) throw cancelledBeforeStart();
    throw toCreateError(error, { image: options.image, name: options.name, socketPath: engine.socketPath });
  }
}

function bodyOf(options: ContainerOptions, engine: { readonly hasInit: boolean }) {
  return containerSpec({ ...options, labels: { ...options.labels, ...uptimeLabel() } }, engine);
}

export function cancelledBeforeStart(): RunError {
  return new RunError('Cancelled', 'The run was stopped before its container started');
}

/** Waits for a call; once the signal has aborted, only 5 s more. */
export async function settledDespiteAbort<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await raceAbort(call, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    return raceAbort(call, deadline(lingerMs));
  }
}

/** One way to create a container, with a warning that says how it deviates from the one before. */
type GpuVariant = { readonly options: ContainerOptions; readonly difference: string };

/**
 * The ways to give a target its GPUs, in the order to try them. As in Girder Worker, a requested runtime
 * `nvidia` becomes a device request first, because engines with NVIDIA's toolkit may not know that runtime.
 * GPUs that only the image asks for are optional.
 */
export function gpuVariants(options: ContainerOptions): [GpuVariant, ...GpuVariant[]] {
  const asRequested: GpuVariant = { options, difference: '' };
  const { docker, gpus } = options;
  if (docker?.deviceRequests !== undefined) return [asRequested];
  if (docker?.runtime === 'nvidia') {
    const { runtime, ...others } = docker;
    const byDevice = { ...options, docker: others, gpus: gpus ?? { count: -1 } };
    const difference = `The engine cannot serve a device request for GPUs; trying its runtime ${runtime} instead`;
    return [
      { options: byDevice, difference: '' },
      { ...asRequested, difference },
    ];
  }
  if (gpus?.optional !== true) return [asRequested];
  const difference = 'The image asks for a GPU, but the engine has none; the target runs without it';
  return [asRequested, { options: { ...options, gpus: undefined }, difference }];
}

const noGpu =
  /could not select device driver|unknown or invalid runtime|unknown runtime|nvidia-container|unresolvable CDI devices/i;

/** True when a container did not start because the engine cannot give it a GPU. */
export function isGpuUnavailable(error: unknown): boolean {
  if (!(error instanceof RunError)) return false;
  const isRefusal = error.reason === 'ContainerStartFailed' || error.reason === 'ContainerCreateFailed';
  return isRefusal && noGpu.test(error.message);
}
