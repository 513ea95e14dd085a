import type { RunPlan } from '../api/plan.ts';
import type { Engine } from '../docker/engine.ts';
import type { GirderCredentials } from '../girder/credentials.ts';

/** A directory that the worker and the target share, by its three names. */
export type SharedVolume = {
  name: string;
  /** Where the worker itself has it. */
  localPath: string;
  /** Where the Docker Engine sees it. */
  hostPath: string;
  /** Where the target sees it. */
  containerPath: string;
  readOnly: boolean;
  /** Whether it is deleted with the run; what a run puts into another volume it has to remove itself. */
  temporary: boolean;
};

/** Everything about a run that depends on where its worker is, so that the phases depend on nothing of it. */
export type Setting = {
  run: RunPlan['run'];
  spec: RunPlan['spec'];
  dockerSocket: string;
  /** Which attempt of the run this is. */
  attempt: string;
  volumes: readonly SharedVolume[];
  girderCredentials: () => Promise<GirderCredentials>;
  /** The value of `spec.env[variable]`, which comes from a Secret. */
  secretValue: (variable: number) => Promise<string>;
  /** The cgroup that the target belongs into. */
  cgroupParent: (engine: Engine) => Promise<string | undefined>;
};
