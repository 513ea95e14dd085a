import type { V1Affinity, V1Container, V1Job, V1PodTemplateSpec } from '@kubernetes/client-node';
import { labels, cleanupJobName, workerContainerName } from '../../api/names.ts';
import { type CleanupMode, type Ending, workerEnvironment } from '../../api/run-plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { isKeyVolume } from '../../api/volumes.ts';
import { literal, type WorkerConfig } from './worker-config.ts';
import { jobMetadata, pullSecretsOf, type Run } from './job.ts';
import { type HostMounts, hostMountsOf, type PodMount, volumesOf } from './host-mounts.ts';
import { optOutAnnotations, optOutLabels } from './injectors.ts';
import { podMounts, secretMounts } from './pod-volumes.ts';
import { workerContainer, workerOverhead } from './worker-container.ts';
import type { Policy } from '../../policy/policy.ts';

/** What a lost worker left to be done: on its node, or, when `node` is undefined, only in Girder. */
export type Cleanup = {
  readonly node: string | undefined;
  readonly ending: Ending;
  /** A worker that did not start left only the directories that the kubelet made for it. */
  readonly leftBy?: 'worker' | 'kubelet';
  /** The pod of an earlier attempt, which was lost on that node; the run has ended on another one. */
  readonly earlierPodUid?: string;
};

/** Less than the 150 s that a run waits for it. */
const longestSeconds = 120;

/** No run waits for this one, and its node may be away; a pod that waits longer would fill a quota. */
const longestElsewhereSeconds = 3_600;

/** How many pods of a cleanup may end without an exit code, such as those that the node rejects. */
const backoffLimit = 3;

/** With limits, because a quota may require them. */
const resources = { requests: workerOverhead, limits: { cpu: '1', memory: workerOverhead.memory } };

/** Long enough for people to read the log of a failed one. */
const keptSeconds = 600;

/**
 * The Job that cleans up after a run. On the node of a lost worker, its pod has the volumes of the worker,
 * but of the Secrets only the token of the Girder job; to report to Girder alone, it needs neither node nor
 * volumes.
 */
export function desiredCleanupJob(run: Run, cleanup: Cleanup, config: WorkerConfig, policy: Policy): V1Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: jobMetadata(run.metadata, cleanupJobName(run.metadata, cleanup.earlierPodUid)),
    spec: {
      backoffLimit,
      // A cleanup that fails by itself would fail again; a pod that the node rejected has no exit code.
      podFailurePolicy: {
        rules: [
          {
            action: 'FailJob',
            onExitCodes: { containerName: workerContainerName, operator: 'NotIn', values: [0] },
          },
        ],
      },
      activeDeadlineSeconds: cleanup.earlierPodUid === undefined ? longestSeconds : longestElsewhereSeconds,
      ttlSecondsAfterFinished: keptSeconds,
      template: podTemplate(run, cleanup, config, policy),
    },
  };
}

function podTemplate(
  { metadata, spec }: Run,
  { node, ending, leftBy = 'worker', earlierPodUid }: Cleanup,
  config: WorkerConfig,
  policy: Policy,
): V1PodTemplateSpec {
  const [mode, needed]: [CleanupMode, DockerRunSpec] =
    node === undefined
      ? ['report', onlyGirder(spec)]
      : ['cleanup', earlierPodUid === undefined ? neededOf(spec, leftBy) : onlyOnNode(spec)];
  const hostMounts: HostMounts =
    node === undefined
      ? { planned: [], mounts: [] }
      : hostMountsOf({ spec: needed, runUid: metadata.uid, isCleanup: true }, policy);
  const mounts = node === undefined ? secretMounts(needed) : podMounts(needed, config, hostMounts);
  const container = workerContainer(
    { metadata, spec: needed },
    { ...config, gpusByLabel: false, hostMounts: hostMounts.planned },
    mounts.map(optional),
  );
  const env = [
    ...(container.env ?? []),
    { name: workerEnvironment.ending, value: literal(JSON.stringify(ending)) },
  ];
  const { ports: _, ...cleaner }: V1Container = { ...container, args: ['worker', mode], env, resources };
  return {
    // Without the labels of an attempt, because it is not one.
    metadata: {
      labels: { ...optOutLabels, [labels.cleanedUpRun]: metadata.uid },
      annotations: optOutAnnotations,
    },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 5,
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      ...(node === undefined ? {} : pinnedTo(node)),
      ...pullSecretsOf(spec, config),
      containers: [cleaner],
      volumes: volumesOf(mounts.map(optional)),
    },
  };
}

/** Tolerates every taint, so that it also runs on a node that is being drained. */
function pinnedTo(node: string): { affinity: V1Affinity; tolerations: { operator: string }[] } {
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [node] }];
  const requiredDuringSchedulingIgnoredDuringExecution = { nodeSelectorTerms: [{ matchFields }] };
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution } },
    tolerations: [{ operator: 'Exists' }],
  };
}

/** The cleanup must also run when a Secret has been deleted. */
function optional(mount: PodMount): PodMount {
  const { secret, ...volume } = mount.volume;
  return secret === undefined
    ? mount
    : { ...mount, volume: { ...volume, secret: { ...secret, optional: true } } };
}

function onlyGirder({ girder, ...spec }: DockerRunSpec): DockerRunSpec {
  const { image, removeContainer, terminationGracePeriodSeconds, startDeadlineSeconds, backoffLimit } = spec;
  const { credentialsSecretRef: _, ...report } = girder ?? { apiUrl: '' };
  const needed = {
    image,
    removeContainer,
    terminationGracePeriodSeconds,
    startDeadlineSeconds,
    backoffLimit,
  };
  return girder === undefined ? needed : { ...needed, girder: report };
}

function neededOf(spec: DockerRunSpec, leftBy: 'worker' | 'kubelet'): DockerRunSpec {
  return leftBy === 'kubelet' ? onlyDirectories(spec) : onlyVolumes(spec);
}

/** Without claims, which a later attempt had, and without Girder, where the run's job has its end already. */
export function onlyOnNode(spec: DockerRunSpec): DockerRunSpec {
  const { girder: _, ...needed } = onlyVolumes(spec);
  const volumes = needed.volumes?.filter(({ persistentVolumeClaim }) => persistentVolumeClaim === undefined);
  return { ...needed, ...(volumes === undefined ? {} : { volumes }) };
}

/** Without the other volumes: one of them may be why the worker did not start. */
function onlyDirectories(spec: DockerRunSpec): DockerRunSpec {
  const volumes = (spec.volumes ?? []).filter(({ temporary }) => temporary?.hostDir !== undefined);
  return { ...onlyGirder(spec), volumes };
}

function onlyVolumes(spec: DockerRunSpec): DockerRunSpec {
  const { volumes = [], transforms = [] } = spec;
  return {
    ...onlyGirder(spec),
    // Nothing of the run is in the volumes that only the kubelet writes to.
    volumes: volumes.filter((volume) => !isKeyVolume(volume)),
    // Transforms are needed for the paths of pipes; the headers of streams are not, and may have Secrets.
    transforms: transforms.map(withoutHeaders),
  };
}

function withoutHeaders(transform: NonNullable<DockerRunSpec['transforms']>[number]) {
  const { connect } = transform;
  const stream = connect?.output.chunkedTransferEncodingStream;
  if (connect === undefined || stream === undefined) return transform;
  const { headers: _, ...bare } = stream;
  return {
    ...transform,
    connect: { ...connect, output: { ...connect.output, chunkedTransferEncodingStream: bare } },
  };
}
