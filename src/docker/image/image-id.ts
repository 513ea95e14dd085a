import type { ImageInspectOptions } from 'dockerode';
import { isUnreachable, statusOf, toPullError, unavailable } from '../classify.ts';
import type { Engine } from '../engine.ts';
import { engineCall } from '../engine-call.ts';

/**
 * The id of an image that the engine has, or undefined.
 * @throws RunError EngineUnavailable or ImagePullFailed; the signal's reason when it aborts
 */
export async function imageId(
  engine: Engine,
  image: string,
  signal: AbortSignal,
): Promise<string | undefined> {
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
