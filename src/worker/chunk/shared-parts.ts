import { posix } from 'node:path';
import { pathOf } from '../../api/spec-usage.ts';
import { imageWantsGpu } from '../../docker/create/gpu-request.ts';
import { registryDigest } from '../../docker/pull/ensure-image.ts';
import { traced } from '../../support/trace/trace.ts';
import { planRun } from '../plan.ts';
import { prepare } from '../stage/prepare.ts';
import type { ImageFacts } from './finished-item.ts';
import { sharedSpec } from './item-spec.ts';
import type { Chunk } from './staged-item.ts';

/** What the inputs share once it is on the node. */
export type Shared = {
  readonly imageId: string;
  readonly imageAsksForGpus: boolean;
  readonly image: ImageFacts;
  /** The paths of shared downloads in the target, by the name of the transform. */
  readonly paths: ReadonlyMap<string, string>;
};

/** The image and what is downloaded once for all inputs. */
export async function prepareShared(chunk: Chunk, signal: AbortSignal): Promise<Shared> {
  const { opened, girder, volumes, found } = chunk;
  const spec = sharedSpec(opened.environment.spec);
  const steps = planRun(spec, volumes, undefined, found);
  const context = { ...opened, environment: { ...opened.environment, spec }, volumes, steps, signal };
  const { imageId, paths } = await traced('prepare', {}, () => prepare(context, girder));
  const { engineWait } = opened.preparation;
  const imageAsksForGpus = await engineWait.until(() => imageWantsGpu(context, imageId));
  const imageDigest = await registryDigest(context, imageId);
  const inTarget = (spec.transforms ?? []).flatMap((transform): [string, string][] => {
    const volume = volumes.find(({ name }) => name === pathOf(transform)?.volume);
    const path = paths.get(transform.name);
    if (volume === undefined || path === undefined) return [];
    return [[transform.name, posix.join(volume.containerPath, path)]];
  });
  const image = { image: spec.image, ...(imageDigest === undefined ? {} : { imageDigest }) };
  return { imageId, imageAsksForGpus, image, paths: new Map(inTarget) };
}
