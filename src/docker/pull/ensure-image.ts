import { RunError } from '../../support/errors.ts';
import type { EngineContext } from '../engine.ts';
import { imageId, type PullOptions } from './pull-image.ts';
import type { RegistryAuths } from './registry-auths.ts';
import { pullFromRegistry } from './registry-pull.ts';
import { registryAuths } from './docker-config.ts';

/** When to ask the registry, in Kubernetes' words. */
export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

/** Which image, when to pull it, and with whose credentials (none when absent). */
export type EnsureOptions = Omit<PullOptions, 'auth' | 'signal'> & {
  readonly policy: PullPolicy;
  readonly auths?: RegistryAuths | undefined;
};

/**
 * Sees to it that the engine has the image, and gives its id.
 * @throws RunError ImageNotFound, ImagePullFailed or EngineUnavailable; the signal's reason when it aborts
 */
export async function ensureImage(context: EngineContext, options: EnsureOptions): Promise<string> {
  const { engine, signal } = context;
  const { image, policy, auths = registryAuths([]) } = options;
  refuseStrangeName(image);
  if (policy !== 'Always') {
    const present = await imageId(engine, image, signal);
    if (present !== undefined) return present;
  }
  if (policy === 'Never') {
    throw new RunError(
      'ImageNotFound',
      `The image ${image} is not on the node, and imagePullPolicy is Never`,
    );
  }
  try {
    return await pullFromRegistry(engine, { ...options, auths, signal });
  } catch (error) {
    throw await withLocalCopy(context, image, error);
  }
}

/** An image that was built on the node and has no registry is a usual surprise of the policy Always. */
async function withLocalCopy(
  { engine, signal }: EngineContext,
  image: string,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof RunError) || (await imageId(engine, image, signal)) === undefined) return error;
  const hint = 'the node has a copy of it, which imagePullPolicy IfNotPresent would use';
  return new RunError(error.reason, `${error.message}; ${hint}`, { cause: error });
}

/** The name becomes part of a request's path: nothing may leave its place there. */
function refuseStrangeName(image: string): void {
  if (/^[\w][\w./:@-]*$/.test(image) && !image.includes('..')) return;
  throw new RunError('ImageNotFound', `${JSON.stringify(image)} is not the name of an image`);
}
