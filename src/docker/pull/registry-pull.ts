import { sleep } from '../../support/abort.ts';
import { backoffMs } from '../../support/backoff.ts';
import { RunError } from '../../support/errors.ts';
import { classifyPull, messageOf, toPullError } from '../engine-error.ts';
import type { Engine } from '../engine.ts';
import { authsFor, type RegistryAuths, registryHost } from './registry-auths.ts';
import { imageId, pullOnce, type PullOptions } from './pull-image.ts';

const mostTries = 4;
const usualPauseMs = 500;

/** A pull with all the credentials there are, of which those that are for the image are tried in turn. */
type RegistryPullOptions = Omit<PullOptions, 'auth'> & {
  readonly auths: RegistryAuths;
  /** The pause before the second try, of which each further one is the double; half a second when absent. */
  readonly firstPauseMs?: number | undefined;
};

/**
 * Pulls with each of the credentials that are for the image until the registry takes one, or without any when
 * none is for it. Gives the image's id.
 * @throws RunError ImageNotFound, ImagePullFailed or EngineUnavailable; the signal's reason when it aborts
 */
export async function pullFromRegistry(engine: Engine, options: RegistryPullOptions): Promise<string> {
  const { image, auths } = options;
  const fitting = authsFor(image, auths.entries);
  let refused: unknown;
  for (const auth of fitting.length === 0 ? [undefined] : fitting.map((one) => one.auth)) {
    const pulled = await pull(engine, { ...options, auth });
    if ('id' in pulled) return pulled.id;
    refused = pulled.refused;
  }
  throw refusedPull(refused, { image, tried: fitting.map(({ source }) => source), auths });
}

/** What came of a pull that the registry did not refuse for want of rights, or its refusal. */
type Pulled = { readonly id: string } | { readonly refused: unknown };

/**
 * Tries again what may pass: the engine keeps the layers that are complete. How long a try took says nothing about
 * the next one: a silent registry costs the engine 25 s, and a large layer can be cut off after an hour. The silence
 * that pullOnce suffers and the signal bound the time.
 */
async function pull(
  engine: Engine,
  options: PullOptions & Pick<RegistryPullOptions, 'firstPauseMs'>,
): Promise<Pulled> {
  const { image, signal, firstPauseMs = usualPauseMs } = options;
  for (let tries = 1; ; tries += 1) {
    try {
      await pullOnce(engine, options);
      const id = await imageId(engine, image, signal);
      if (id !== undefined) return { id };
      throw new Error('the pull ended, but the image is not there');
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RunError) throw error;
      const failure = classifyPull(error);
      if (failure === 'refused') return { refused: error };
      if (tries === mostTries || failure === 'missing') throw toPullError(error, { image, tries });
      const waitMs = backoffMs(tries - 1, { firstMs: firstPauseMs, maxMs: Infinity }, () => 1);
      await sleep(waitMs, signal);
    }
  }
}

/** Whether credentials were missing or refused; `tried` names whose were refused, in order, and never quotes them. */
export function refusedPull(
  error: unknown,
  { image, tried, auths }: { image: string; tried: readonly string[]; auths: RegistryAuths },
): RunError {
  const host = registryHost(image);
  const why =
    tried.length === 0
      ? `there are no credentials for its registry ${host} (${auths.advice(host)})`
      : `its registry ${host} refused the credentials of ${[...new Set(tried)].join(' and ')}`;
  return new RunError('ImageNotFound', `The image ${image} cannot be pulled, ${why}: ${messageOf(error)}`, {
    cause: error,
  });
}
