import { isRecord } from '../../support/narrow.ts';
import { statusOf, unavailable } from '../engine-error.ts';
import type { BodyPart } from './option-body.ts';
import type { EngineContext } from '../engine.ts';
import { engineCall } from '../engine-call.ts';

/**
 * The GPUs of a target: by id (index or UUID), or so many (-1 is all). An optional request is dropped, with a
 * warning, on a node whose engine has none to give.
 */
export type GpuRequest = ({ readonly deviceIds: readonly string[] } | { readonly count: number }) & {
  readonly optional?: boolean | undefined;
};

/** The device request that `docker run --gpus` makes. */
export function gpuDevices(gpus: GpuRequest | undefined): BodyPart {
  if (gpus === undefined) return {};
  const which = 'deviceIds' in gpus ? { DeviceIDs: gpus.deviceIds } : { Count: gpus.count };
  return { DeviceRequests: [{ Driver: '', ...which, Capabilities: [['gpu']] }] };
}

/** Where NVIDIA's device plugin mounts one entry per GPU when its strategy is volume-mounts. */
export const gpuMountsDirectory = '/var/run/nvidia-container-devices';

/**
 * The GPUs that NVIDIA's device plugin gave to a pod's container, from its environment and, for the strategy
 * volume-mounts, the names in {@link gpuMountsDirectory}
 * (https://github.com/NVIDIA/k8s-device-plugin#device_list_strategy); undefined when it gave none.
 */
export function podGpus(
  environment: Readonly<Record<string, string | undefined>>,
  mountedNames: readonly string[] = [],
): GpuRequest | undefined {
  const visible = environment['NVIDIA_VISIBLE_DEVICES']?.trim() ?? '';
  const listed = visible === gpuMountsDirectory ? mountedNames : visible.split(',');
  const ids = listed.map(plainId).filter((id) => id !== '' && id !== 'void' && id !== 'none');
  if (ids.includes('all')) return { count: -1 };
  return ids.length === 0 ? undefined : { deviceIds: [...new Set(ids)] };
}

/** A name of the Container Device Interface ends with the device: `vendor/class=id`. */
function plainId(text: string): string {
  return text.trim().replace(/^.*=/, '');
}

/**
 * True when an image says by its label that it needs NVIDIA's driver, as NVIDIA's base images do
 * (`com.nvidia.volumes.needed`). A label is a wish of whoever built the image, not a permission.
 * @throws RunError EngineUnavailable; the signal's reason when it aborts
 */
export async function imageWantsGpu(context: EngineContext, imageId: string): Promise<boolean> {
  const image = await inspectImage(context, imageId);
  const config = isRecord(image) ? image['Config'] : undefined;
  const labels = isRecord(config) ? config['Labels'] : undefined;
  return isRecord(labels) && labels['com.nvidia.volumes.needed'] === 'nvidia_driver';
}

async function inspectImage({ engine, signal }: EngineContext, imageId: string): Promise<unknown> {
  try {
    return await engineCall<unknown>({ signal }, () => engine.docker.getImage(imageId).inspect());
  } catch (error) {
    signal.throwIfAborted();
    // An image that is gone meanwhile is for the creation of the container to say.
    if (statusOf(error) !== undefined) return undefined;
    throw unavailable(engine.socketPath, error);
  }
}
