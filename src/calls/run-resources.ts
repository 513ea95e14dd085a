import { conflictsWithResources } from '../api/docker/option-conflicts.ts';
import type { RunParts } from './run-parts.ts';

/** https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/ */
const gpu = 'nvidia.com/gpu';

type Docker = Record<string, unknown>;
type Resources = { readonly requests?: Docker; readonly limits?: Docker };

/**
 * `spec.resources`: what the operator gives each run of the queue, which takes precedence over the options of the
 * message; these are removed from `docker`. `runtime='nvidia'` is one GPU of the scheduler's.
 */
export function resourcesOf(
  docker: Docker,
  { wantsGpu, given }: { readonly wantsGpu: boolean; readonly given: object | undefined },
  { notes }: RunParts,
): Resources | undefined {
  const ofQueue: Resources = given ?? {};
  for (const option of conflicting(docker, ofQueue)) {
    delete docker[option];
    notes.add(`${option} has no effect: the resources of its queue set it.`);
  }
  const hasGpu = Object.hasOwn(ofQueue.limits ?? {}, gpu);
  if (hasGpu && removeGpuRequests(docker))
    notes.add('device_requests has no effect: its queue gives each run its GPUs.');
  if (!wantsGpu || hasGpu) return given === undefined ? undefined : ofQueue;
  notes.add(`runtime=nvidia is a request for one GPU (${gpu}).`);
  return { ...ofQueue, limits: { ...ofQueue.limits, [gpu]: 1 } };
}

function conflicting(docker: Docker, resources: Resources): string[] {
  return Object.keys(docker).filter(
    (option) => conflictsWithResources({ [option]: docker[option] }, resources).length > 0,
  );
}

/** Requests for GPUs; those for other devices stay. */
function removeGpuRequests(docker: Docker): boolean {
  const requests: unknown = docker['deviceRequests'];
  if (!Array.isArray(requests)) return false;
  const others = requests.filter((request: unknown) => !JSON.stringify(request).includes('"gpu"'));
  if (others.length === requests.length) return false;
  if (others.length === 0) delete docker['deviceRequests'];
  else docker['deviceRequests'] = others;
  return true;
}
