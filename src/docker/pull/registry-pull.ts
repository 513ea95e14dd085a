import { sleep } from '../../support/abort.ts';
import { backoffMs } from '../../support/backoff.ts';
import { RunError } from '../../support/errors.ts';
import { classifyPull, isNodeFault, isUnreachable, messageOf, toPullError } from '../engine-error.ts';
import { ping } from '../engine-wait.ts';
import type { Engine } from '../engine.ts';
import { authsFor, type RegistryAuths, registryHost } from './registry-auths.ts';
import { imageId, pullOnce, type PullOptions } from './pull-image.ts';

const maxTries = 4;
const defaultPauseMs = 500;

type RegistryPullOptions = Omit<PullOptions, 'auth'> & {
  readonly auths: RegistryAuths;
  /** The pause before the second try in milliseconds, doubled before each further one; the default is 500. */
  readonly firstPauseMs?: number | undefined;
};

/**
 * Pulls with each of the credentials for the image until the registry accepts one, or without credentials
 * when there are none for it. Returns the id of the image.
 * @throws RunError ImageNotFound, ImagePullFailed or EngineUnavailable; the signal's reason when it aborts
 */
export async function pullFromRegistry(engine: Engine, options: RegistryPullOptions): Promise<string> {
  const { image, auths } = options;
  const matching = authsFor(image, auths.entries);
  let refused: unknown;
  for (const auth of matching.length === 0 ? [undefined] : matching.map((one) => one.auth)) {
    const pulled = await pull(engine, { ...options, auth });
    if ('id' in pulled) return pulled.id;
    refused = pulled.refused;
  }
  throw refusedPull(refused, { image, tried: matching.map(({ source }) => source), auths });
}

/** The id of the pulled image, or the error of a registry that refused access. */
type Pulled = { readonly id: string } | { readonly refused: unknown };

/**
 * Retries transient failures; the engine keeps the layers that are complete. The duration of a try does not
 * matter: a silent registry costs the engine 25 s, and a large layer can be cut off after an hour. Only the
 * signal and the bound on silence in {@link pullOnce} limit the time.
 */
async function pull(
  engine: Engine,
  options: PullOptions & Pick<RegistryPullOptions, 'firstPauseMs'>,
): Promise<Pulled> {
  const { image, signal, firstPauseMs = defaultPauseMs } = options;
  for (let tries = 1; ; tries += 1) {
    try {
      await pullOnce(engine, options);
      const id = await imageId(engine, image, signal);
      if (id !== undefined) return { id };
      throw new Error('the pull ended, but the image is not there');
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RunError) throw error;
      if (isNodeFault(error)) throw toPullError(error, { image, tries });
      // Only an engine that answers can have had a problem with the registry.
      if (isUnreachable(error)) await ping(engine.socketPath, signal);
      const failure = classifyPull(error);
      if (failure === 'refused') return { refused: error };
      if (tries === maxTries || failure === 'missing') throw toPullError(error, { image, tries });
      const waitMs = backoffMs(tries - 1, {
        firstMs: 2 * firstPauseMs,
        maxMs: 10_000,
        leastMs: firstPauseMs,
      });
      await sleep(waitMs, signal);
    }
  }
}

/** The error for missing or refused credentials; `tried` has the sources of the refused ones, in order. */
export function refusedPull(
  error: unknown,
  { image, tried, auths }: { image: string; tried: readonly string[]; auths: RegistryAuths },
): RunError {
  const host = registryHost(image);
  const why =
    tried.length === 0
      ? `there are no credentials for its registry ${host} (${auths.advice(host)})`
      : `its registry ${host} refused the credentials of ${[...new Set(tried)].join(' and ')}`;
  return new RunError(
    'ImageNotFound',
    `The image ${image} cannot be pulled because ${why}: ${messageOf(error)}`,
    {
      cause: error,
    },
  );
}
