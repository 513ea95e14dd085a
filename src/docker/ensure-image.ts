import type { ImageInspectOptions } from 'dockerode';
import { sleep } from '../support/abort.ts';
import { RunError } from '../support/errors.ts';
import { isImageMissing, isUnreachable, statusOf, toPullError, unavailable } from './classify.ts';
import type { Engine } from './engine.ts';
import { engineCall } from './engine-call.ts';
import { type PullOptions, pullOnce } from './pull-image.ts';

/** When to ask the registry, in Kubernetes' words. */
export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

const mostTries = 4;
const firstPauseMs = 500;
/** No further try begins after this; pulls that fail at once are over within about 4 s. */
const retryBoundMs = 15_000;

/**
 * Sees to it that the engine has the image, and gives its id.
 * @throws RunError ImageNotFound, ImagePullFailed or EngineUnavailable; the signal's reason when it aborts
 */
export async function ensureImage(
  engine: Engine,
  options: PullOptions & { readonly policy: PullPolicy },
): Promise<string> {
  const { image, policy, signal } = options;
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
    return await pull(engine, options);
  } catch (error) {
    throw await withLocalCopy(engine, options, error);
  }
}

/** An image that was built on the node and has no registry is a usual surprise of the policy Always. */
async function withLocalCopy(
  engine: Engine,
  { image, signal }: PullOptions,
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

async function pull(engine: Engine, options: PullOptions): Promise<string> {
  const { image, signal } = options;
  const begin = Date.now();
  for (let tries = 1; ; tries += 1) {
    try {
      await pullOnce(engine, options);
      const pulled = await imageId(engine, image, signal);
      if (pulled !== undefined) return pulled;
      throw new Error('the pull ended, but the image is not there');
    } catch (error) {
      signal.throwIfAborted();
      const isLast = tries === mostTries || Date.now() - begin > retryBoundMs;
      if (isLast || error instanceof RunError || isImageMissing(error)) {
        throw toPullError(error, { image, tries });
      }
      await sleep(firstPauseMs * 2 ** (tries - 1), signal);
    }
  }
}

async function imageId(engine: Engine, image: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const found = await engineCall({ signal }, (abortSignal) => {
      const options: ImageInspectOptions & { abortSignal: AbortSignal } = { abortSignal };
      return engine.docker.getImage(image).inspect(options);
    });
    return found.Id;
  } catch (error) {
    signal.throwIfAborted();
    if (statusOf(error) === 404) return undefined;
    if (isUnreachable(error)) throw unavailable(engine.socketPath, error);
    throw toPullError(error, { image, tries: 1 });
  }
}
