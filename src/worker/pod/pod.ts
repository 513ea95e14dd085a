import { readdir, readFile } from 'node:fs/promises';
import {
  parsePlan,
  type QosClass,
  type RunPlan,
  workerEnvironment,
  workerPaths,
} from '../../api/run-plan.ts';
import { defined } from '../../api/json-values.ts';
import { gpuMountsDirectory, podGpus } from '../../docker/create/gpu-request.ts';
import { RunError } from '../../support/errors.ts';
import type { RunEnvironment } from '../run-environment.ts';
import { configMapValue, girderCredentials, podRegistryAuths, secretValue } from './secrets.ts';
import { openPodVolumes } from './open-volumes.ts';

/**
 * After this time the kubelet has updated a mounted Secret: it syncs a pod each minute, at most half a minute later
 * (https://kubernetes.io/docs/concepts/configuration/secret/#mounted-secrets-are-updated-automatically).
 */
const secretDelayMs = 100_000;

/**
 * The run environment of a worker in a pod.
 * @throws TypeError if the pod's environment variables are incomplete
 */
export function podEnvironment(variables: NodeJS.ProcessEnv): RunEnvironment {
  const plan = parsePlan(variables[workerEnvironment.plan]);
  const podUid = variables[workerEnvironment.podUid];
  if (podUid === undefined) throw new TypeError(`${workerEnvironment.podUid} is not set`);
  const failedAttempts = Number(variables[workerEnvironment.failedAttempts] ?? 0);
  return {
    run: plan.run,
    spec: plan.spec,
    dockerSocket: workerPaths.dockerSocket,
    engineName: `The Docker Engine of node ${variables[workerEnvironment.nodeName] ?? '?'}`,
    attempt: podUid,
    mayBeRetried: failedAttempts < plan.spec.backoffLimit,
    openVolumes: (signal) => openPodVolumes(plan, podUid, signal),
    spoolDirectory: workerPaths.spool,
    ...defined({ girderRedirects: plan.girderRedirects }),
    girderCredentials: () => girderCredentials(plan),
    girderRenewalMs: secretDelayMs,
    secretValue: (reference, field) => secretValue(plan, reference, field),
    configMapValue: (reference, field) => configMapValue(plan, reference, field),
    registryAuths: () => podRegistryAuths(plan),
    gpus: async (imageAsks) => {
      const given = podGpus(variables, await namesIn(gpuMountsDirectory));
      return given ?? (imageAsks && plan.gpusByLabel === true ? { count: -1, optional: true } : undefined);
    },
    memoryForTarget,
    cgroupParent: async ({ cgroupDriver }) => {
      const [cgroup = '', oomScoreAdj = ''] = await Promise.all(
        ['cgroup', 'oom_score_adj'].map((file) => readFile(`/proc/self/${file}`, 'utf8')),
      );
      const qosClass = qosClassOf(Number(oomScoreAdj), plan);
      return podCgroupParent(cgroup, { root: plan.podCgroup.root, qosClass, podUid, driver: cgroupDriver });
    },
  };
}

/** Empty if the directory does not exist: most nodes have no GPU. */
async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}

/** The priority class whose containers all have the oom_score_adj of a Guaranteed pod. */
const nodeCritical = 'system-node-critical';

/**
 * The pod's QoS class, from the worker's oom_score_adj, which the kubelet sets by it. The plan has only the class of
 * the Job's template: a LimitRange or a webhook may have changed the resources of the pod, or added containers
 * (https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-out-of-memory-behavior).
 */
export function qosClassOf(oomScoreAdj: number, { spec, podCgroup }: RunPlan): QosClass {
  if (spec.priorityClassName === nodeCritical || !Number.isInteger(oomScoreAdj)) return podCgroup.qosClass;
  if (oomScoreAdj < 0) return 'Guaranteed';
  return oomScoreAdj < 1000 ? 'Burstable' : 'BestEffort';
}

type PodCgroup = { podUid: string; driver: 'cgroupfs' | 'systemd'; root: string; qosClass: QosClass };

/**
 * The pod's cgroup in the form of `HostConfig.CgroupParent`: a path with the driver cgroupfs, the name of a
 * slice with systemd. If the container has a cgroup namespace of its own (usual with cgroup v2), its
 * /proc/self/cgroup does not show the pod's cgroup, and the name follows from the kubelet's rule
 * (https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/cm/pod_container_manager_linux.go).
 * @param selfCgroup /proc/self/cgroup of a container in the pod
 * @throws RunError EngineUnavailable if only the engine uses systemd: the pod then has no slice
 */
export function podCgroupParent(selfCgroup: string, pod: PodCgroup): string {
  const path = ownPath(selfCgroup, pod.podUid) ?? rulePath(pod);
  if (pod.driver === 'cgroupfs') return path;
  const slice = path.split('/').at(-1) ?? '';
  if (slice.endsWith('.slice')) return slice;
  throw new RunError(
    'EngineUnavailable',
    `the kubelet and the Docker Engine of the node use different cgroup drivers: the pod is in ${path}, but the engine's driver systemd needs a slice`,
  );
}

function ownPath(selfCgroup: string, podUid: string): string | undefined {
  const names = [podUid, podUid.replaceAll('-', '_')];
  for (const line of selfCgroup.split('\n')) {
    const segments = line.split(':').slice(2).join(':').split('/');
    const pod = segments.findIndex((segment) => names.some((name) => segment.includes(`pod${name}`)));
    if (pod !== -1) return segments.slice(0, pod + 1).join('/');
  }
  return undefined;
}

function rulePath({ podUid, driver, root, qosClass }: PodCgroup): string {
  const qos = qosClass === 'Guaranteed' ? [] : [qosClass.toLowerCase()];
  const names = ['kubepods', ...qos, `pod${podUid}`];
  if (driver === 'cgroupfs') return [root.replace(/(?<!\/)\/+$/, ''), ...names].join('/');
  return `${names.map((name) => name.replaceAll('-', '_')).join('-')}.slice`;
}

/** The limit of the worker's container with cgroup v2, and with v1. */
const files = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'] as const;

/** What the kernel shows without a limit: `max`, or about 2^63. */
const unlimitedBytes = 2 ** 60;

/** What the worker needs itself, as decision 4 says: the overhead that a run with limits of its own gets. */
const workerBytes = 256 * 1024 * 1024;

/**
 * The memory that the limit of the worker's container leaves to the target, in bytes; undefined without a limit. A run
 * may ask for no limit, and a LimitRange or a webhook add one. If the target reached the limit of the pod, the kernel
 * could kill the worker instead of one of many small processes of the target.
 */
export async function memoryForTarget(): Promise<number | undefined> {
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text !== undefined) return shareOf(Number(text));
  }
  return undefined;
}

/** All but what the worker needs, or half of a small limit. */
export function shareOf(limitBytes: number): number | undefined {
  if (!(limitBytes > 0 && limitBytes < unlimitedBytes)) return undefined;
  return Math.max(limitBytes - workerBytes, Math.floor(limitBytes / 2));
}
