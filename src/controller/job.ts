import type { V1Container, V1EnvVar, V1Job, V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import type { DockerRunMetadata } from '../api/docker-run.ts';
import {
  apiVersion,
  jobName,
  kind,
  labels,
  labelValue,
  progressPort,
  temporaryVolumeName,
  workerContainerName,
} from '../api/names.ts';
import {
  environmentSecretFile,
  type RunPlan,
  temporaryPodVolume,
  workerEnvironment,
  workerPaths,
} from '../api/plan.ts';
import { exitCodes } from '../api/reasons.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import type { WorkerConfig } from './config.ts';
import { hostPathAccess, type Policy } from './policy.ts';
import { podResources, qosClass } from './resources.ts';

/** Docker waits 10 s between SIGTERM and SIGKILL of a target; the rest is for the worker to clean up. */
const terminationGracePeriodSeconds = 40;

/** The Job of a run. The same run gives the same Job, so that the API server itself refuses a second one. */
export function desiredJob(
  run: { metadata: DockerRunMetadata; spec: DockerRunSpec },
  config: WorkerConfig,
  policy: Policy,
): V1Job {
  const { metadata, spec } = run;
  const ours = { [labels.runUid]: metadata.uid, [labels.runName]: labelValue(metadata.name) };
  const mounts = podMounts(spec, config, policy);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(metadata),
      namespace: metadata.namespace,
      labels: ours,
      ownerReferences: [
        {
          apiVersion,
          kind,
          name: metadata.name,
          uid: metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: spec.backoffLimit,
      podReplacementPolicy: 'Failed',
      podFailurePolicy: { rules: failureRules() },
      template: {
        metadata: {
          labels: ours,
          annotations: { 'kubectl.kubernetes.io/default-container': workerContainerName },
        },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds,
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          ...(spec.nodeSelector === undefined ? {} : { nodeSelector: spec.nodeSelector }),
          containers: [worker(run, config, mounts)],
          volumes: mounts.map(({ volume }) => volume),
        },
      },
    },
  };
}

/** What another attempt cannot mend fails the Job at once; what the cluster did to the pod counts as no attempt. */
function failureRules() {
  return [
    {
      action: 'FailJob',
      onExitCodes: {
        containerName: workerContainerName,
        operator: 'In',
        values: [exitCodes.spec, exitCodes.deadline],
      },
    },
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
  ];
}

function worker(
  run: { metadata: DockerRunMetadata; spec: DockerRunSpec },
  config: WorkerConfig,
  mounts: PodMount[],
): V1Container {
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
    volumeMounts: mounts.map(({ volume, mountPath, readOnly }) => ({
      name: volume.name,
      mountPath,
      ...(readOnly ? { readOnly } : {}),
    })) satisfies V1VolumeMount[],
  };
}

function environment(
  run: { metadata: DockerRunMetadata; spec: DockerRunSpec },
  config: WorkerConfig,
): V1EnvVar[] {
  const { namespace, name, uid } = run.metadata;
  const plan: RunPlan = {
    run: { namespace, name, uid },
    spec: run.spec,
    kubeletRoot: config.kubeletRoot,
    podCgroup: { root: config.cgroupRoot, qosClass: qosClass(podResources(run.spec)) },
  };
  return [
    // The kubelet expands $(NAME) in values itself; $$ keeps ours (and halves the user's own $$ back).
    { name: workerEnvironment.plan, value: JSON.stringify(plan).replaceAll('$', '$$$$') },
    { name: workerEnvironment.podUid, valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
    { name: workerEnvironment.logLevel, value: config.logLevel },
    // A cap on the heap makes V8 collect before the worker outgrows what its pod reserves for it.
    { name: 'NODE_OPTIONS', value: '--max-old-space-size=96' },
  ];
}

type PodMount = { volume: V1Volume; mountPath: string; readOnly: boolean };

function podMounts(spec: DockerRunSpec, config: WorkerConfig, policy: Policy): PodMount[] {
  return [
    {
      volume: { name: 'docker-socket', hostPath: { path: config.dockerSocket, type: 'Socket' } },
      mountPath: workerPaths.dockerSocket,
      readOnly: false,
    },
    {
      volume: { name: temporaryPodVolume, emptyDir: {} },
      mountPath: workerPaths.volume(temporaryVolumeName),
      readOnly: false,
    },
    ...bindMounts(spec, policy),
    ...secretMounts(spec),
  ];
}

function bindMounts(spec: DockerRunSpec, policy: Policy): PodMount[] {
  return (spec.volumes ?? []).flatMap(({ name, bindMount }, index) =>
    bindMount === undefined
      ? []
      : [
          {
            volume: { name: `volume-${index}`, hostPath: { path: bindMount.hostPath, type: 'Directory' } },
            mountPath: workerPaths.volume(name),
            readOnly: hostPathAccess(policy, bindMount.hostPath) !== 'rw',
          },
        ],
  );
}

function secretMounts(spec: DockerRunSpec): PodMount[] {
  const girder: PodMount[] =
    spec.girder === undefined
      ? []
      : [
          {
            volume: {
              name: 'girder-credentials',
              secret: { secretName: spec.girder.credentialsSecretRef.name, defaultMode: 0o400 },
            },
            mountPath: workerPaths.girderSecret,
            readOnly: true,
          },
        ];
  const variables = (spec.env ?? []).flatMap(({ valueFrom }, index): PodMount[] => {
    if (valueFrom === undefined) return [];
    const { name, key } = valueFrom.secretKeyRef;
    const items = [{ key, path: environmentSecretFile }];
    return [
      {
        volume: { name: `env-${index}`, secret: { secretName: name, items, defaultMode: 0o400 } },
        mountPath: workerPaths.environmentSecret(index),
        readOnly: true,
      },
    ];
  });
  return [...girder, ...variables];
}
