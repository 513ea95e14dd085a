import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';
import { matchesGlob } from './patterns.ts';
import type { Allowances } from './policy-schema.ts';

/** What a run may choose about its pod, which holds the Docker socket. */

/** Injectors, network plugins and container runtimes act on metadata of pods, so nothing is allowed unlisted. */
export function refusedPodMetadata(
  { podMetadata = {} }: DockerRunSpec,
  { podMetadata: allowed = {} }: Allowances,
): RunError | undefined {
  for (const kind of ['labels', 'annotations'] as const) {
    for (const [key, value] of Object.entries(podMetadata[kind] ?? {})) {
      const isListed = allowed[kind]?.some(
        (entry) => matchesGlob(key, entry.key) && (entry.values?.includes(value) ?? true),
      );
      if (isListed === true) continue;
      const problem = `spec.podMetadata.${kind}: the policy does not allow ${key} (podMetadata.${kind})`;
      return new RunError('PodMetadataNotAllowed', problem);
    }
  }
  return undefined;
}

export function refusedScheduling(spec: DockerRunSpec, policy: Allowances): RunError | undefined {
  const { priorityClassName, schedulerName } = spec;
  if (priorityClassName !== undefined && !allowsPriority(priorityClassName, policy))
    return notAllowed('priorityClassName', priorityClassName, 'priorityClassNames');
  if (schedulerName !== undefined && policy.schedulerNames?.includes(schedulerName) === false)
    return notAllowed('schedulerName', schedulerName, 'schedulerNames');
  const refused = spec.tolerations?.find((toleration) => !allowsToleration(toleration, policy));
  if (refused === undefined) return undefined;
  const { key = '', effect = 'every effect' } = refused;
  return notAllowed('tolerations', `${key === '' ? 'every taint' : key} with ${effect}`, 'tolerations');
}

/** The classes of Kubernetes itself preempt everything else on a node. */
function allowsPriority(name: string, { priorityClassNames }: Allowances): boolean {
  return priorityClassNames?.includes(name) ?? !name.startsWith('system-');
}

type Toleration = NonNullable<DockerRunSpec['tolerations']>[number];

/** Kubernetes adds these two to every pod. */
const alwaysTolerated = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** Without a key it matches every taint, and without an effect every effect. */
function allowsToleration({ key = '', effect }: Toleration, { tolerations }: Allowances): boolean {
  if (alwaysTolerated.includes(key)) return true;
  if (tolerations === undefined) return key !== '' && !/^([^/]*[.])?kubernetes[.]io\//.test(key);
  return tolerations.some(({ key: pattern, effects }) => {
    const isKey = key === '' ? pattern === '**' : matchesGlob(key, pattern);
    return isKey && (effects === undefined || (effect !== undefined && effects.includes(effect)));
  });
}

function notAllowed(field: string, value: string, list: string): RunError {
  return new RunError('SchedulingNotAllowed', `spec.${field}: the policy does not allow ${value} (${list})`);
}

export function refusedKeptContainer(
  { removeContainer }: DockerRunSpec,
  { keptContainers = false }: Allowances,
): RunError | undefined {
  if (removeContainer || keptContainers) return undefined;
  const problem = 'spec.removeContainer: the policy does not allow false (keptContainers)';
  return new RunError('KeptContainerNotAllowed', problem);
}
