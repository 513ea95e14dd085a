import type { V1Container, V1EnvVar, V1Job } from '@kubernetes/client-node';
import type { DockerRunMetadata } from '../../api/docker-run.ts';
import { progressPort, workerContainerName } from '../../api/names.ts';
import { mostAmount, parseQuantity } from '../../api/quantity.ts';
import {
  failureCountAnnotation,
  type PlannedHostMount,
  type QosClass,
  type RunPlan,
  workerEnvironment,
} from '../../api/run-plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { type PodMount, volumeMountsOf } from './host-mounts.ts';
import { literal, tracingEnvironment, type WorkerConfig } from './worker-config.ts';

/** `gpusByLabel` is whether the policy allows images to request GPUs by a label. */
type Settings = WorkerConfig & {
  readonly gpusByLabel: boolean;
  /** Of the policy. */
  readonly girderRedirects?: readonly string[] | undefined;
  readonly hostMounts: readonly PlannedHostMount[];
};

type Run = { metadata: DockerRunMetadata; spec: DockerRunSpec };

export function workerContainer(run: Run, config: Settings, mounts: readonly PodMount[]): V1Container {
  return {
    name: workerContainerName,
    image: config.image,
    imagePullPolicy: config.imagePullPolicy,
    args: ['worker'],
    env: environment(run, config),
    ports: [{ name: 'progress', containerPort: progressPort }],
    resources: podResources(run.spec),
    // Root, to use the engine's socket and to read files of any user; with as few rights as possible.
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
    ...(config.hostMounts.length === 0 ? {} : { hostMounts: [...config.hostMounts] }),
    ...(config.girderRedirects === undefined ? {} : { girderRedirects: [...config.girderRedirects] }),
    gpusByLabel: config.gpusByLabel,
    podCgroup: { root: config.cgroupRoot, qosClass: qosClass(podResources(spec)) },
  };
  return [
    { name: workerEnvironment.plan, value: literal(JSON.stringify(plan)) },
    { name: workerEnvironment.podUid, valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
    { name: workerEnvironment.nodeName, valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    {
      name: workerEnvironment.failedAttempts,
      valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${failureCountAnnotation}']` } },
    },
    { name: workerEnvironment.logLevel, value: config.logLevel },
    ...Object.entries(config.egress ?? {}).map(([name, value]) => ({ name, value: literal(value) })),
    ...tracingEnvironment(metadata, config.tracing),
    // With these limits, V8 collects garbage before the worker outgrows the memory that its pod reserves.
    { name: 'NODE_OPTIONS', value: '--max-old-space-size=96 --max-semi-space-size=1' },
  ];
}

/** Linux refuses to start a process with a longer variable: MAX_ARG_STRLEN, with its name, `=` and the final NUL. */
export const maxVariableBytes = 128 * 1024;

/**
 * By how many bytes the plan is too large for one variable, or 0. The spec has a bound of its own; the policy's
 * defaults and the host mounts are added to it.
 */
export function planExcess(job: V1Job): number {
  const variables = job.spec?.template.spec?.containers[0]?.env ?? [];
  const plan = variables.find(({ name }) => name === workerEnvironment.plan)?.value ?? '';
  // The kubelet turns each `$$` into one `$`.
  const bytes = Buffer.byteLength(plan.replaceAll('$$', '$')) + Buffer.byteLength(workerEnvironment.plan) + 2;
  return Math.max(0, bytes - maxVariableBytes);
}

/**
 * What the worker needs itself, in addition to the target's resources. With it, the target can use its whole
 * limit without the kernel killing the worker.
 */
export const workerOverhead = { cpu: '100m', memory: '256Mi' } as const;

/** Quantities, by the name of the resource. */
type PodResources = { requests: Record<string, string>; limits: Record<string, string> };

/** The resources of the run's pod: those of the target plus `workerOverhead`. */
export function podResources(spec: DockerRunSpec): PodResources {
  const limits = withOverhead({
    ...extendedOnly(textual(spec.resources?.requests)),
    ...textual(spec.resources?.limits),
  });
  // A container with a limit and no request requests its limit, as the API server defaults it.
  const requests = withOverhead({ ...textual(spec.resources?.limits), ...textual(spec.resources?.requests) });
  return { requests: { ...workerOverhead, ...requests }, limits };
}

/** The QoS class of a pod with these resources, which decides where its cgroup is
 * (https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/). */
export function qosClass({ requests, limits }: PodResources): QosClass {
  const guaranteed = (['cpu', 'memory'] as const).every((name) => {
    const [request, limit] = [requests[name], limits[name]];
    return request !== undefined && limit !== undefined && parseQuantity(request) === parseQuantity(limit);
  });
  if (guaranteed) return 'Guaranteed';
  return Object.keys(requests).length > 0 || Object.keys(limits).length > 0 ? 'Burstable' : 'BestEffort';
}

/** Extended resources, such as nvidia.com/gpu, must have a limit if they have a request
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

/** Rounds up, as Kubernetes does, but not for a floating-point error: 1.001 * 1000 is more than 1001. */
const milli = (quantity: string) => Math.ceil(Number((amountOf(quantity) * 1000).toFixed(6)));
const bytes = (quantity: string) => Math.ceil(amountOf(quantity));

/** A default of the policy may be an amount that no spec may have; its sum must still be a quantity. */
const amountOf = (quantity: string) => Math.min(Math.max(0, parseQuantity(quantity)), mostAmount);
