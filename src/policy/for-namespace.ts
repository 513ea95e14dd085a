import type { DockerOptions } from '../api/docker/options.ts';
import { globOf } from './glob.ts';
import type { Allowances, PolicySpec } from './policy-schema.ts';

/**
 * What counts for the runs of a namespace: what is allowed to all, together with every entry of `namespaces` that
 * names it. An entry can allow more, and never less: a list that restricts when it is set allows what any of the
 * entries lists; of the defaults for Docker the last one counts, option by option.
 */
export function allowancesFor(namespace: string, { namespaces = [], ...everywhere }: PolicySpec): Allowances {
  const isNamed = ({ names }: { names: readonly string[] }) =>
    names.some((name) => globOf(name).test(namespace));
  return namespaces
    .filter(isNamed)
    .map(({ names: _, ...entry }): Allowances => entry)
    .reduce(together, everywhere);
}

function together(one: Allowances, other: Allowances): Allowances {
  return { ...one, ...other, ...addressesOfBoth(one, other), ...ofTheNodeOfBoth(one, other) };
}

function addressesOfBoth(one: Allowances, other: Allowances): Allowances {
  return {
    ...(one.images && other.images && { images: [...one.images, ...other.images] }),
    ...(one.girderApiUrls &&
      other.girderApiUrls && { girderApiUrls: [...one.girderApiUrls, ...other.girderApiUrls] }),
    ...(one.streamUrls && other.streamUrls && { streamUrls: [...one.streamUrls, ...other.streamUrls] }),
  };
}

function ofTheNodeOfBoth(one: Allowances, other: Allowances): Allowances {
  return {
    ...(one.hostPaths && other.hostPaths && { hostPaths: [...one.hostPaths, ...other.hostPaths] }),
    ...(one.dockerOptions &&
      other.dockerOptions && { dockerOptions: [...one.dockerOptions, ...other.dockerOptions] }),
    ...(one.dockerDefaults &&
      other.dockerDefaults && { dockerDefaults: withDefaults(other.dockerDefaults, one.dockerDefaults) }),
  };
}

/** Options that say one thing together: who sets one of them has decided about all. */
const networkOptions = ['network', 'networkMode', 'networkDisabled'] as const;

/** Options of Docker with those of some defaults that they do not decide about. */
export function withDefaults(options: DockerOptions, defaults: DockerOptions): DockerOptions {
  const saysNetwork = networkOptions.some((option) => options[option] !== undefined);
  const { network: _, networkMode: _mode, networkDisabled: _disabled, ...others } = defaults;
  return { ...(saysNetwork ? others : defaults), ...options };
}
