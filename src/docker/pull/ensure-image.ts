import { isRecord } from '../../api/json-values.ts';
import { RunError } from '../../support/errors.ts';
import { engineCall } from '../engine-call.ts';
import type { EngineContext } from '../engine.ts';
import { imageId, type PullOptions } from './pull-image.ts';
import type { RegistryAuths } from './registry-auths.ts';
import { localCopyHint, pullFromRegistry } from './registry-pull.ts';
import { registryAuths } from './docker-config.ts';

/** As `imagePullPolicy` of Kubernetes. */
export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

export type EnsureOptions = Omit<PullOptions, 'auth' | 'signal'> & {
  readonly policy: PullPolicy;
  /** By default none. */
  readonly auths?: RegistryAuths | undefined;
};

/**
 * Makes sure that the engine has the image, and returns its id.
 * @throws RunError ImageNotFound, ImagePullFailed or EngineUnavailable; the signal's reason when it aborts
 */
export async function ensureImage(context: EngineContext, options: EnsureOptions): Promise<string> {
  const { engine, signal } = context;
  const { image, policy, auths = registryAuths([]) } = options;
  checkName(image);
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

/** Adds what to do when the node has the image that could not be pulled. */
async function withLocalCopy(
  { engine, signal }: EngineContext,
  image: string,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof RunError) || error.reason === 'EngineUnavailable') return error;
  if ((await imageId(engine, image, signal)) === undefined) return error;
  return new RunError(error.reason, `${error.message}; ${localCopyHint}`, { cause: error });
}

/**
 * The name becomes part of the path of a request, and must not change the rest of that path. A registry may be
 * an IPv6 address in brackets.
 */
export function checkName(image: string): void {
  const name = image.replace(/^\[[\da-f:.]{2,45}\](?=[:/])/i, 'registry');
  if (/^\w[\w./:@-]*$/.test(name) && !image.includes('..')) return;
  throw new RunError('ImageNotFound', `${JSON.stringify(image)} is not a valid image name`);
}

/**
 * The digest of an image in the registry of its name, such as `sha256:…`; undefined for one that was built on the
 * node, or that has gone by then.
 */
export async function registryDigest(
  { engine, signal }: EngineContext,
  imageId: string,
): Promise<string | undefined> {
  try {
    const found = await engineCall<unknown>({ signal }, () => engine.docker.getImage(imageId).inspect());
    const digests: unknown = isRecord(found) ? found['RepoDigests'] : undefined;
    const first: unknown = Array.isArray(digests) ? digests[0] : undefined;
    return typeof first === 'string' ? /@(sha256:[0-9a-f]{64})$/.exec(first)?.[1] : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
