import type { V1Container, V1EnvVar } from '@kubernetes/client-node';
import type { DockerRunMetadata } from '../../api/docker-run.ts';
import { progressPort, workerContainerName } from '../../api/names.ts';
import { parseQuantity } from '../../api/quantity.ts';
import {
  failureCountAnnotation,
  type QosClass,
  type RunPlan,
  workerEnvironment,
} from '../../api/run-plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { type PodMount, volumeMountsOf } from './pod-volumes.ts';
import { literal, tracingEnvironment, type WorkerConfig } from './worker-config.ts';

/** The operator's settings, and what its policy allows images to ask for. */
type Settings = WorkerConfig & { readonly gpusByLabel: boolean };

type Run = { metadata: DockerRunMetadata; spec: DockerRunSpec };

/** The one container of the run's pod. */
export function workerContainer(run: Run, config: Settings, mounts: readonly PodMount[]): V1Container {
  return {
    name: workerContainerName,
    image: config.image,
    imagePullPolicy: config.imagePullPolicy,
    args: ['worker'],
    env: environment(run, config),
    ports: [{ name: 'progress', containerPort: progressPort }],
    resources: podResources(run.spec),
    // Root, since the socket and files of any user that a target leaves must be readable; but nothing more.
    securityContext: {
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'] },
    },
    volumeMounts: volumeMountsOf(mounts),
  };
}

function environment({ metadata, spec }: Run, config: Settings): V1EnvVar[] {
  const { namespace, name, uid } = metadata;
  const plan: RunPlan = {
    run: { namespace, name, uid },
    spec,
    kubeletRoot: config.kubeletRoot,
    gpusByLabel: config.gpusByLabel,
    podCgroup: { root: config.cgroupRoot, qosClass: qosClass(podResources(spec)) },
  };
  return [
    { name: workerEnvironment.plan, value: literal(JSON.stringify(plan)) },
    { name: workerEnvironment.podUid, valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
    {
      name: workerEnvironment.failedAttempts,
      valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${failureCountAnnotation}']` } },
    },
    { name: workerEnvironment.logLevel, value: config.logLevel },
    ...tracingEnvironment(metadata, config.tracing),
    // Caps on the heap make V8 collect before the worker outgrows what its pod reserves for it.
    { name: 'NODE_OPTIONS', value: '--max-old-space-size=96 --max-semi-space-size=1' },
  ];
}

/**
 * What the worker itself needs, added to what the user gives the target: the target can then use all of its own
 * limit without the kernel choosing the worker as its victim.
 */
export const workerOverhead = { cpu: '100m', memory: '256Mi' } as const;

/** Quantities by the names of their resources. */
type PodResources = { requests: Record<string, string>; limits: Record<string, string> };

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
