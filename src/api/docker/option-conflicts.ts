import type { DockerOptions } from './options.ts';
import { group } from '../names.ts';

type ResourceMap = Readonly<Record<string, unknown>>;

export type GivenResources = {
  readonly limits?: ResourceMap | undefined;
  readonly requests?: ResourceMap | undefined;
};

const conflicts = [
  { options: ['memLimit'], sets: 'limits', resource: 'memory' },
  { options: ['nanoCpus', 'cpuPeriod', 'cpuQuota', 'cpuShares'], sets: 'limits', resource: 'cpu' },
  { options: ['cpuShares'], sets: 'requests', resource: 'cpu' },
] as const;

/** One sentence for each Docker option that sets the same limit as an entry of `spec.resources`. */
export function conflictsWithResources(
  docker: DockerOptions | undefined,
  resources: GivenResources | undefined,
): string[] {
  return conflicts.flatMap(({ options, sets, resource }) => {
    if (docker === undefined || resources?.[sets]?.[resource] === undefined) return [];
    return options
      .filter((option) => docker[option] !== undefined)
      .map(
        (option) =>
          `spec.docker.${option}: conflicts with spec.resources.${sets}.${resource}; remove one of them`,
      );
  });
}

/**
 * The engine accepts any pair; the kernel rejects a bad one only when the container starts. -1 means no
 * limit.
 */
function wrongUlimits({ ulimits = [] }: DockerOptions): string[] {
  const valueOf = (limit: number) => (limit === -1 ? Infinity : limit);
  return ulimits.flatMap(({ name, soft, hard = soft }, index) =>
    valueOf(soft) > valueOf(hard)
      ? [`spec.docker.ulimits[${index}]: the soft limit ${soft} of ${name} exceeds its hard limit ${hard}`]
      : [],
  );
}

/**
 * One sentence for each problem of `spec.docker` that its schema cannot detect, or only the API server
 * detects.
 */
export function validateDocker(
  docker: DockerOptions | undefined,
  resources: GivenResources | undefined,
): string[] {
  const reserved = Object.keys(docker?.labels ?? {}).filter((name) => name.startsWith(`${group}/`));
  const twoNetworks = docker?.network !== undefined && docker.networkMode !== undefined;
  return [
    ...conflictsWithResources(docker, resources),
    ...reserved.map((name) => `spec.docker.labels: ${name} is reserved for DockerRun`),
    ...(twoNetworks
      ? ['spec.docker.networkMode: conflicts with spec.docker.network; remove one of them']
      : []),
    ...wrongUlimits(docker ?? {}),
  ];
}
