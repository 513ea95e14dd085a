import { readdir, readFile } from 'node:fs/promises';
import { parsePlan, workerEnvironment, workerPaths } from '../../api/plan.ts';
import { gpuMountsDirectory, podGpus } from '../../docker/create/gpu-request.ts';
import { podCgroupParent } from './cgroup.ts';
import { girderCredentials, podRegistryAuths, secretValue } from './secrets.ts';
import { openPodVolumes } from './volumes.ts';
import type { RunEnvironment } from '../run-environment.ts';

/** The environment of a run whose worker is in the pod that the controller made for it. */
export function podEnvironment(variables: NodeJS.ProcessEnv): RunEnvironment {
  const plan = parsePlan(variables[workerEnvironment.plan]);
  const podUid = variables[workerEnvironment.podUid];
  if (podUid === undefined) throw new TypeError(`${workerEnvironment.podUid} is not set`);
  const failedAttempts = Number(variables[workerEnvironment.failedAttempts] ?? 0);
  return {
    run: plan.run,
    spec: plan.spec,
    dockerSocket: workerPaths.dockerSocket,
    attempt: podUid,
    mayBeRetried: failedAttempts < plan.spec.backoffLimit,
    openVolumes: (signal) => openPodVolumes(plan, podUid, signal),
    spoolDirectory: workerPaths.spool,
    girderCredentials: () => girderCredentials(plan),
    secretValue: (reference, field) => secretValue(plan, reference, field),
    registryAuths: () => podRegistryAuths(plan),
    gpus: async (imageAsks) => {
      const given = podGpus(variables, await namesIn(gpuMountsDirectory));
      return given ?? (imageAsks && plan.gpusByLabel === true ? { count: -1, optional: true } : undefined);
    },
    cgroupParent: async ({ cgroupDriver }) =>
      podCgroupParent(await readFile('/proc/self/cgroup', 'utf8'), {
        ...plan.podCgroup,
        podUid,
        driver: cgroupDriver,
      }),
  };
}

/** Nothing where there is no such directory: most nodes have no GPU. */
async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
