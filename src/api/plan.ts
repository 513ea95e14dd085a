import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { dockerRunSpec } from './spec.ts';

/**
 * What the controller hands to the worker in the pod's environment: the whole run, so that it never changes
 * under a running pod. It holds no secret; those are files of mounted Secrets.
 */
const runPlan = Type.Object({
  run: Type.Object({ namespace: Type.String(), name: Type.String(), uid: Type.String() }),
  spec: dockerRunSpec,
  /** Where the kubelet of the node keeps the volumes of pods, as the Docker Engine sees it. */
  kubeletRoot: Type.String(),
  /** The parent of the pod's cgroup, where the worker cannot read it itself (a private cgroup namespace). */
  podCgroup: Type.Object({ root: Type.String(), qosClass: Type.Unsafe<QosClass>({ type: 'string' }) }),
});

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';
export type RunPlan = Type.Static<typeof runPlan>;

/** The environment variables of the worker's pod. */
export const workerEnvironment = {
  plan: 'DOCKERRUN_PLAN',
  podUid: 'DOCKERRUN_POD_UID',
  logLevel: 'DOCKERRUN_LOG_LEVEL',
} as const;

/** Where the worker's container has what the controller mounts into it. */
export const workerPaths = {
  dockerSocket: '/dockerrun/docker.sock',
  girderSecret: '/dockerrun/secrets/girder',
  /** The file with the value of an environment variable that comes from a Secret. */
  environmentSecret: (variable: number) => `/dockerrun/secrets/env/${variable}`,
  volume: (name: string) => `/dockerrun/volumes/${name}`,
} as const;

/** The name of the file inside `workerPaths.environmentSecret`. */
export const environmentSecretFile = 'value';

/** The pod's volume for `$(temporaryVolume)`. */
export const temporaryPodVolume = 'temporary-volume';

export function parsePlan(text: string | undefined): RunPlan {
  if (text === undefined) throw new TypeError(`${workerEnvironment.plan} is not set`);
  const value: unknown = JSON.parse(text);
  if (Value.Check(runPlan, value)) return value;
  const [first] = Value.Errors(runPlan, value);
  throw new TypeError(
    `${workerEnvironment.plan}${first?.instancePath ?? ''}: ${first?.message ?? 'invalid'}`,
  );
}
