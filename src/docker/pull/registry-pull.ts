import { sleep } from '../../support/abort.ts';
import { backoffMs } from '../../support/backoff.ts';
import { RunError } from '../../support/errors.ts';
import {
  classifyPull,
  isNodeFault,
  isUnreachable,
  messageOf,
  type PullFailure,
  toPullError,
} from '../engine-error.ts';
import { ping } from '../engine-wait.ts';
import type { Engine } from '../engine.ts';
import { authsFor, type RegistryAuths, registryHost } from './registry-auths.ts';
import { imageId, pullOnce, type PullOptions } from './pull-image.ts';

/** For a failure of which it is unclear whether time cures it. */
const maxTries = 4;
/** Milliseconds: a registry that comes back must not meet all workers of a cluster at once. */
const longestPauseMs = 30_000;
const defaultPauseMs = 500;

/** An image that was built on the node cannot be pulled with the policy Always, which surprises users. */
export const localCopyHint = 'the node has a copy of it, which imagePullPolicy IfNotPresent would use';

type RegistryPullOptions = Omit<PullOptions, 'auth'> & {
  readonly auths: RegistryAuths;
  /** The pause before the second try in milliseconds, doubled before each further one; the default is 500. */
  readonly firstPauseMs?: number | undefined;
};

/**
 * Pulls with each of the credentials for the image until the registry accepts one, or without credentials
 * when there are none for it. Returns the id of the image.
 * @throws RunError ImageNotFound, ImagePullFailed or EngineUnavailable; the signal's reason when it aborts,
 *   which is what ends the wait for a registry that is away
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
 * Retries while the registry is away, until the signal aborts, which it does at the start deadline; other
 * failures that a retry may cure have a bounded number of tries. The engine keeps the layers that are
 * complete. The duration of a try does not matter: a silent registry costs the engine 25 s, and a large layer
 * can be cut off after an hour. The engine does not report the Retry-After of a registry, so each pause is
 * ours.
 */
async function pull(
  engine: Engine,
  options: PullOptions & Pick<RegistryPullOptions, 'firstPauseMs'>,
): Promise<Pulled> {
  const { image, signal, firstPauseMs = defaultPauseMs } = options;
  const pauses = {
    firstMs: 2 * firstPauseMs,
    maxMs: Math.max(longestPauseMs, firstPauseMs),
    leastMs: firstPauseMs,
  };
  let unclear = 0;
  for (let tries = 1; ; tries += 1) {
    try {
      await pullOnce(engine, options);
      const id = await imageId(engine, image, signal);
      if (id !== undefined) return { id };
      throw new Error('the pull ended, but the image is not there');
    } catch (error) {
      const failure = await failureOf(error, { engine, image, signal, tries });
      if (failure === 'refused') return { refused: error };
      if (failure === 'unclear') unclear += 1;
      if (unclear === maxTries || failure === 'missing') throw toPullError(error, { image, tries });
      if (failure === 'away') await showWait(engine, options, { error, tries });
      await sleep(backoffMs(tries - 1, pauses), signal);
    }
  }
}

/**
 * What the registry's part in a failure is.
 * @throws RunError the engine's part; the signal's reason when it aborts
 */
async function failureOf(
  error: unknown,
  { engine, image, signal, tries }: { engine: Engine; image: string; signal: AbortSignal; tries: number },
): Promise<PullFailure> {
  signal.throwIfAborted();
  if (error instanceof RunError) throw error;
  if (isNodeFault(error)) throw toPullError(error, { image, tries });
  // Only an engine that answers can have had a problem with the registry.
  if (isUnreachable(error)) await ping(engine.socketPath, signal);
  return classifyPull(error);
}

/** Shows what is waited for; it is also what the message of an exceeded start deadline ends with. */
async function showWait(
  engine: Engine,
  { image, signal, onProgress }: PullOptions,
  { error, tries }: { error: unknown; tries: number },
): Promise<void> {
  const times = tries === 1 ? 'once' : `${tries} times`;
  const hint = (await imageId(engine, image, signal)) === undefined ? '' : `; ${localCopyHint}`;
  const text = messageOf(error).replace(/\s+/g, ' ').slice(0, 300);
  onProgress(0, 0, `waiting for the registry ${registryHost(image)} (tried ${times}${hint}): ${text}`);
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
