import { RunError } from '../../support/errors.ts';
import { messageOf } from '../classify.ts';
import type { RegistryAuths } from './auths.ts';
import { registryHost } from './match.ts';

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
