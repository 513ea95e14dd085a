import { RunError } from '../../support/errors.ts';
import { messageOf, statusOf } from '../classify.ts';
import type { RegistryAuths } from './auths.ts';
import { registryHost } from './match.ts';

/** Registries say it in many words, which the engine passes on in an error 404 or 500 or in a line of its stream. */
const refusal = new RegExp(
  [
    '(?:^|: )denied\\b|access (?:to the resource is )?denied|access forbidden|insufficient[_ ]scope',
    'unauthorized|unauthenticated|authentication (?:is )?required|no basic auth|incorrect username or password',
    '\\b(?:401 unauthorized|403 forbidden|HTTP 40[13]|status(?: code)?:? 40[13])\\b',
  ].join('|'),
  'i',
);

/** True when a registry wants credentials, or better ones: other credentials may work then, another try does not. */
export function isRefusal(error: unknown): boolean {
  const status = statusOf(error);
  return status === 401 || status === 403 || refusal.test(messageOf(error));
}

/** Tells whether credentials were missing or refused; `tried` says whose were, in order. Never what they are. */
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
