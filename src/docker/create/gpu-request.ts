import { isRecord } from '../../api/json-values.ts';
import { statusOf, unavailable } from '../engine-error.ts';
import type { BodyPart } from './option-body.ts';
import type { EngineContext } from '../engine.ts';
import { engineCall } from '../engine-call.ts';

/**
 * The GPUs of a target: by id (index or UUID), or `count` of them (-1 means all). An optional request is
 * dropped with a warning when the engine has no GPU.
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

/** Where NVIDIA's device plugin mounts one entry for each GPU when its strategy is volume-mounts. */
export const gpuMountsDirectory = '/var/run/nvidia-container-devices';

/**
 * The GPUs that NVIDIA's device plugin assigned to a container of a pod, from its environment and, for the
 * strategy volume-mounts, the names in {@link gpuMountsDirectory}; undefined without GPUs.
 * Source: https://github.com/NVIDIA/k8s-device-plugin#device_list_strategy
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

/** A name of the Container Device Interface ends with the id of the device: `vendor/class=id`. */
function plainId(text: string): string {
  return text.trim().replace(/^.*=/, '');
}

/**
 * True when a label of the image (`com.nvidia.volumes.needed`, as in NVIDIA's base images) asks for NVIDIA's
 * driver. The label is a wish of the author of the image, not a permission.
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
    // If the image has disappeared, the creation of the container reports it.
    if (statusOf(error) !== undefined) return undefined;
    throw unavailable(engine.socketPath, error);
  }
}
