import type { QosClass } from '../../api/plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { parseQuantity } from '../../api/quantity.ts';

/**
 * What the worker itself needs, added to what the user gives the target: the target can then use all of its own
 * limit without the kernel choosing the worker as its victim.
 */
export const workerOverhead = { cpu: '100m', memory: '256Mi' } as const;

/** Quantities by the names of their resources. */
export type PodResources = { requests: Record<string, string>; limits: Record<string, string> };

/** The resources of the run's pod: the target's and the worker's. */
export function podResources(spec: DockerRunSpec): PodResources {
  const limits = withOverhead({
    ...extendedOnly(textual(spec.resources?.requests)),
    ...textual(spec.resources?.limits),
  });
  // A container with a limit and no request requests its limit, as the API server defaults it.
  const requests = withOverhead({ ...textual(spec.resources?.limits), ...textual(spec.resources?.requests) });
  return { requests: { ...workerOverhead, ...requests }, limits };
}

/** The class that Kubernetes gives to a pod with these resources, which decides where its cgroup is
 * (https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/). */
export function qosClass({ requests, limits }: PodResources): QosClass {
  const guaranteed = (['cpu', 'memory'] as const).every((name) => {
    const [request, limit] = [requests[name], limits[name]];
    return request !== undefined && limit !== undefined && parseQuantity(request) === parseQuantity(limit);
  });
  if (guaranteed) return 'Guaranteed';
  return Object.keys(requests).length > 0 || Object.keys(limits).length > 0 ? 'Burstable' : 'BestEffort';
}

/** What is counted in devices, such as nvidia.com/gpu, has no request without a limit
 * (https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources). */
function extendedOnly(quantities: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(quantities).filter(([name]) => name.includes('/')));
}

function textual(quantities: Record<string, string | number> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(quantities ?? {}).map(([name, value]) => [name, String(value)]));
}

function withOverhead(quantities: Record<string, string>): Record<string, string> {
  const sum = { ...quantities };
  if (sum['cpu'] !== undefined) sum['cpu'] = `${milli(sum['cpu']) + milli(workerOverhead.cpu)}m`;
  if (sum['memory'] !== undefined) sum['memory'] = `${bytes(sum['memory']) + bytes(workerOverhead.memory)}`;
  return sum;
}

/** Rounded up, as Kubernetes does, but not because 1.001 * 1000 is a little more than 1001 in floating point. */
const milli = (quantity: string) => Math.ceil(Number((parseQuantity(quantity) * 1000).toFixed(6)));
const bytes = (quantity: string) => Math.ceil(parseQuantity(quantity));
