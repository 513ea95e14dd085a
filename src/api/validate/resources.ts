import { parseQuantity } from '../quantity.ts';
import type { DockerRunSpec } from '../spec.ts';

/** What the Docker Engine takes at least: 6 MiB, and a hundredth of a CPU. */
const least = { memory: 6 * 2 ** 20, cpu: 0.01 } as const;

type Amount = string | number | undefined;

/** Resources that no container can have. */
export function resourceProblems({ resources }: DockerRunSpec): string[] {
  const { limits = {}, requests = {} } = resources ?? {};
  const names = new Set([...Object.keys(limits), ...Object.keys(requests)]);
  return [...names].flatMap((name) => {
    const problems = name.includes('/') ? extendedProblems : usualProblems;
    return problems(name, limits[name], requests[name]);
  });
}

function usualProblems(name: string, limit: Amount, request: Amount): string[] {
  if (limit === undefined) return [];
  const smallest = name === 'cpu' || name === 'memory' ? least[name] : 0;
  if (parseQuantity(limit) < smallest) {
    const atLeast = name === 'cpu' ? '10m' : '6Mi';
    return [`spec.resources.limits.${name}: ${limit} is less than a container can have (${atLeast})`];
  }
  if (request === undefined || parseQuantity(request) <= parseQuantity(limit)) return [];
  return [`spec.resources.requests.${name}: ${request} is more than the limit, ${limit}`];
}

/** Devices are not shared: https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/. */
function extendedProblems(name: string, limit: Amount, request: Amount): string[] {
  if (limit === undefined) {
    return [`spec.resources.limits.${name}: an extended resource needs a limit, which is its request too`];
  }
  if (!Number.isInteger(parseQuantity(limit))) {
    return [`spec.resources.limits.${name}: ${limit} is not a whole number`];
  }
  if (request === undefined || parseQuantity(request) === parseQuantity(limit)) return [];
  return [`spec.resources.requests.${name}: ${request} is not the limit, ${limit}`];
}
