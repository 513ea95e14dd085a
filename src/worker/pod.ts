import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryVolumeName, temporaryVolumePath } from '../api/names.ts';
import {
  environmentSecretFile,
  parsePlan,
  type RunPlan,
  temporaryPodVolume,
  workerEnvironment,
  workerPaths,
} from '../api/plan.ts';
import type { GirderCredentials } from '../girder/credentials.ts';
import { errorCode, RunError } from '../support/errors.ts';
import { podCgroupParent } from './pod-cgroup.ts';
import type { Setting, SharedVolume } from './setting.ts';

/** The setting of a worker in the pod that the controller made for it. */
export function podSetting(environment: NodeJS.ProcessEnv): Setting {
  const plan = parsePlan(environment[workerEnvironment.plan]);
  const podUid = environment[workerEnvironment.podUid];
  if (podUid === undefined) throw new TypeError(`${workerEnvironment.podUid} is not set`);
  return {
    run: plan.run,
    spec: plan.spec,
    dockerSocket: workerPaths.dockerSocket,
    attempt: podUid,
    volumes: [temporaryVolume(plan, podUid), ...bindVolumes(plan)],
    girderCredentials: () => girderCredentials(plan),
    secretValue: (variable) => secretValue(plan, variable),
    cgroupParent: async ({ cgroupDriver }) =>
      podCgroupParent(await readFile('/proc/self/cgroup', 'utf8'), {
        ...plan.podCgroup,
        podUid,
        driver: cgroupDriver,
      }),
  };
}

function temporaryVolume(plan: RunPlan, podUid: string): SharedVolume {
  return {
    name: temporaryVolumeName,
    localPath: workerPaths.volume(temporaryVolumeName),
    // Where the kubelet keeps an emptyDir, the same since Kubernetes 1.0.
    hostPath: join(plan.kubeletRoot, 'pods', podUid, 'volumes/kubernetes.io~empty-dir', temporaryPodVolume),
    containerPath: temporaryVolumePath,
    readOnly: false,
    temporary: true,
  };
}

function bindVolumes(plan: RunPlan): SharedVolume[] {
  return (plan.spec.volumes ?? []).flatMap(({ name, bindMount }) =>
    bindMount === undefined
      ? []
      : [
          {
            name,
            localPath: workerPaths.volume(name),
            hostPath: bindMount.hostPath,
            containerPath: bindMount.containerPath,
            readOnly: bindMount.mode === 'ro',
            temporary: false,
          },
        ],
  );
}

async function girderCredentials(plan: RunPlan): Promise<GirderCredentials> {
  const apiKey = await readSecret(join(workerPaths.girderSecret, 'apiKey'));
  if (apiKey !== undefined) return { apiKey };
  const token = await readSecret(join(workerPaths.girderSecret, 'token'));
  if (token !== undefined) return { token };
  const secret = plan.spec.girder?.credentialsSecretRef.name ?? '';
  throw new RunError(
    'SecretIncomplete',
    `Secret ${secret} in namespace ${plan.run.namespace} (spec.girder.credentialsSecretRef) has neither the key apiKey nor the key token`,
  );
}

async function secretValue(plan: RunPlan, variable: number): Promise<string> {
  const path = join(workerPaths.environmentSecret(variable), environmentSecretFile);
  const value = await readFile(path, 'utf8').catch(() => undefined);
  if (value !== undefined) return value;
  const reference = plan.spec.env?.[variable]?.valueFrom?.secretKeyRef;
  throw new RunError(
    'SecretIncomplete',
    `Secret ${reference?.name} in namespace ${plan.run.namespace} (spec.env[${variable}]) has no key ${reference?.key}`,
  );
}

/** The text of a secret file without the line end that editors and `echo` add; nothing when it is absent or empty. */
async function readSecret(path: string): Promise<string | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    return text === '' ? undefined : text;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
