import { RunError } from '../../support/errors.ts';
import type { ContainerOptions } from './container-spec.ts';

/** One way to create a container, and how it differs from the one tried before it. */
export type GpuAttempt = { readonly options: ContainerOptions; readonly difference: string };

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
