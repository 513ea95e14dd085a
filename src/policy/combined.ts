import { parseQuantity } from '../api/quantity.ts';
import { combinedHostPaths } from './host-paths.ts';
import type { Allowances } from './policy-schema.ts';
import { withDefaults } from './allowed-options.ts';

/** The permissions of two entries together. A list that only one of them has counts as it is. */
export function combined(one: Allowances, other: Allowances): Allowances {
  return {
    ...one,
    ...other,
    ...joinedLists(one, other),
    ...joinedAddresses(one, other),
    ...joinedPods(one, other),
    ...ofSets(one, other),
    ...(one.hostPorts && other.hostPorts && { hostPorts: [...one.hostPorts, ...other.hostPorts] }),
    ...lastWins(one, other),
    ...(one.max && other.max && { max: highest(one.max, other.max) }),
  };
}

function joinedLists(one: Allowances, other: Allowances): Allowances {
  return {
    ...(one.images && other.images && { images: [...one.images, ...other.images] }),
    ...(one.hostPaths && other.hostPaths && { hostPaths: combinedHostPaths(one.hostPaths, other.hostPaths) }),
    ...(one.namedVolumes &&
      other.namedVolumes && { namedVolumes: [...one.namedVolumes, ...other.namedVolumes] }),
    ...(one.dockerOptions &&
      other.dockerOptions && { dockerOptions: [...one.dockerOptions, ...other.dockerOptions] }),
  };
}

/** Of servers. */
function joinedAddresses(one: Allowances, other: Allowances): Allowances {
  return {
    ...(one.girderApiUrls &&
      other.girderApiUrls && { girderApiUrls: [...one.girderApiUrls, ...other.girderApiUrls] }),
    ...(one.streamUrls && other.streamUrls && { streamUrls: [...one.streamUrls, ...other.streamUrls] }),
    ...(one.girderRedirects &&
      other.girderRedirects && { girderRedirects: [...one.girderRedirects, ...other.girderRedirects] }),
  };
}

function joinedPods(one: Allowances, other: Allowances): Allowances {
  const metadata = [one.podMetadata ?? {}, other.podMetadata ?? {}];
  return {
    ...(one.podMetadata &&
      other.podMetadata && {
        podMetadata: {
          labels: metadata.flatMap(({ labels = [] }) => labels),
          annotations: metadata.flatMap(({ annotations = [] }) => annotations),
        },
      }),
    ...(one.priorityClassNames &&
      other.priorityClassNames && {
        priorityClassNames: [...one.priorityClassNames, ...other.priorityClassNames],
      }),
    ...(one.schedulerNames &&
      other.schedulerNames && { schedulerNames: [...one.schedulerNames, ...other.schedulerNames] }),
    ...(one.tolerations && other.tolerations && { tolerations: [...one.tolerations, ...other.tolerations] }),
    ...(one.keptContainers === true && { keptContainers: true }),
  };
}

/** Of two limits for one Girder, each counts: the lower one decides. An entry can raise the parallelism of sets. */
function ofSets(one: Allowances, other: Allowances): Allowances {
  const most = [one.sets?.maxParallelism, other.sets?.maxParallelism].filter((value) => value !== undefined);
  return {
    ...(one.girderLimits &&
      other.girderLimits && { girderLimits: [...one.girderLimits, ...other.girderLimits] }),
    ...(one.sets && other.sets && { sets: most.length === 0 ? {} : { maxParallelism: Math.max(...most) } }),
  };
}

/** The last entry that sets an option wins. */
function lastWins(one: Allowances, other: Allowances): Allowances {
  return {
    ...(one.dockerDefaults &&
      other.dockerDefaults && { dockerDefaults: withDefaults(other.dockerDefaults, one.dockerDefaults) }),
    ...(one.dockerRequired &&
      other.dockerRequired && { dockerRequired: withDefaults(other.dockerRequired, one.dockerRequired) }),
    ...(one.runDefaults &&
      other.runDefaults && {
        runDefaults: {
          ...one.runDefaults,
          ...other.runDefaults,
          resources: {
            requests: { ...one.runDefaults.resources?.requests, ...other.runDefaults.resources?.requests },
            limits: { ...one.runDefaults.resources?.limits, ...other.runDefaults.resources?.limits },
          },
        },
      }),
  };
}

type Maximums = NonNullable<Allowances['max']>;

/** An entry can raise a bound, but not lift it: one that does not set it leaves that of the others. */
function highest(
  { resources = {}, ...one }: Maximums,
  { resources: others = {}, ...other }: Maximums,
): Maximums {
  const numbers = { ...one, ...other };
  for (const field of Object.keys(one) as (keyof typeof one)[])
    numbers[field] = Math.max(one[field] ?? 0, numbers[field] ?? 0);
  const quantities = { ...resources, ...others };
  for (const [name, quantity] of Object.entries(resources))
    if (parseQuantity(quantity) > parseQuantity(quantities[name] ?? 0)) quantities[name] = quantity;
  return { ...numbers, resources: quantities };
}
