import type { SecretKeyReference } from '../api/fields.ts';
import type { RunPlan } from '../api/run-plan.ts';
import type { GpuRequest } from '../docker/create/gpu-request.ts';
import type { Engine } from '../docker/engine.ts';
import type { RegistryAuths } from '../docker/pull/registry-auths.ts';
import type { GirderCredentials } from '../girder/credentials.ts';

/** A directory that the worker and the target share, by its three names. */
export type SharedVolume = {
  name: string;
  /** Where the worker itself has it. */
  localPath: string;
  /** Where the Docker Engine sees it: a real path, without links. */
  hostPath: string;
  /** Where the target sees it. */
  containerPath: string;
  /** Whether the target may only read it. */
  readOnly: boolean;
  /** Whether it is deleted with the run; what a run puts into another volume it has to remove itself. */
  temporary: boolean;
  /** Whether `hostPath` was worked out, so that the engine has to confirm it; a temporary volume's always is. */
  isInferred?: boolean;
  /** The field or operator setting to check when the engine sees another directory, for the message. */
  configuredBy: string;
};

/** The volumes of an attempt; `remove` deletes those that end with it and that nobody else deletes. */
export type OpenVolumes = { volumes: readonly SharedVolume[]; remove: () => Promise<void> };

/** What differs between a worker in a pod and one on a user's machine, so that the phases of a run do not. */
export type RunEnvironment = {
  run: RunPlan['run'];
  spec: RunPlan['spec'];
  dockerSocket: string;
  /** Which attempt of the run this is. */
  attempt: string;
  /** Whether another attempt follows when this one fails with a reason that it could fix. */
  mayBeRetried: boolean;
  /** Makes the volumes that must be made, and finds the others; what an earlier attempt left of them is removed. */
  openVolumes: (signal: AbortSignal) => Promise<OpenVolumes>;
  /** A directory of the worker alone, for streams that wait to become a file of Girder. */
  spoolDirectory: string;
  girderCredentials: () => Promise<GirderCredentials>;
  /** The value of a key of a Secret; `field` is where the spec refers to it, for the message. */
  secretValue: (reference: SecretKeyReference, field: string) => Promise<string>;
  /** The credentials that spec.imagePullSecrets gives for registries. */
  registryAuths: () => Promise<RegistryAuths>;
  /** The GPUs that the target may use; an image can ask for some by its label, which is a wish and no permission. */
  gpus: (imageAsks: boolean) => Promise<GpuRequest | undefined>;
  /** The cgroup that the target belongs into. */
  cgroupParent: (engine: Engine) => Promise<string | undefined>;
};

export const sharedMode = 0o2777;
