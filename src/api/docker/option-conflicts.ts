import type { DockerOptions } from './options.ts';
import { group } from '../names.ts';

type ResourceMap = Readonly<Record<string, unknown>>;

/** `spec.resources`, as far as it matters here. */
export type GivenResources = {
  readonly limits?: ResourceMap | undefined;
  readonly requests?: ResourceMap | undefined;
};

const rivals = [
  { options: ['memLimit'], sets: 'limits', resource: 'memory' },
  { options: ['nanoCpus', 'cpuPeriod', 'cpuQuota', 'cpuShares'], sets: 'limits', resource: 'cpu' },
  { options: ['cpuShares'], sets: 'requests', resource: 'cpu' },
] as const;

/** Which Docker options say the same as a resource does, one sentence each; one of the two has to go. */
export function conflictsWithResources(
  docker: DockerOptions | undefined,
  resources: GivenResources | undefined,
): string[] {
  return rivals.flatMap(({ options, sets, resource }) => {
    if (docker === undefined || resources?.[sets]?.[resource] === undefined) return [];
    return options
      .filter((option) => docker[option] !== undefined)
      .map((option) => `spec.docker.${option}: spec.resources.${sets}.${resource} decides that; remove one`);
  });
}

/** The engine takes any pair, and the kernel refuses it only when the container starts; -1 is no limit. */
function wrongUlimits({ ulimits = [] }: DockerOptions): string[] {
  const height = (limit: number) => (limit === -1 ? Infinity : limit);
  return ulimits.flatMap(({ name, soft, hard = soft }, index) =>
    height(soft) > height(hard)
      ? [`spec.docker.ulimits[${index}]: ${name} has the soft limit ${soft}, above its hard limit ${hard}`]
      : [],
  );
}

/** What is wrong in `spec.docker` that its schema alone cannot see, or sees only in the cluster; one sentence each. */
export function validateDocker(
  docker: DockerOptions | undefined,
  resources: GivenResources | undefined,
): string[] {
  const own = Object.keys(docker?.labels ?? {}).filter((name) => name.startsWith(`${group}/`));
  const twoNetworks = docker?.network !== undefined && docker.networkMode !== undefined;
  return [
    ...conflictsWithResources(docker, resources),
    ...own.map((name) => `spec.docker.labels: ${name} is a label that DockerRun itself sets`),
    ...(twoNetworks ? ['spec.docker.networkMode: spec.docker.network decides that; remove one'] : []),
    ...wrongUlimits(docker ?? {}),
  ];
}
