import type { V1Job, V1ObjectMeta, V1PodSpec, V1PodTemplateSpec } from '@kubernetes/client-node';
import type { DockerRunMetadata } from '../../api/docker-run.ts';
import {
  apiVersion,
  jobName,
  kind,
  labels,
  labelValue,
  queueLabelPrefix,
  workerContainerName,
} from '../../api/names.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { WorkerConfig } from './worker-config.ts';
import { podMounts, volumesOf } from './pod-volumes.ts';
import { workerContainer } from './worker-container.ts';
import { allowsDockerOption } from '../../policy/allowed-options.ts';
import { type Policy, withDockerDefaults } from '../../policy/policy.ts';
import { finalExitCodes } from '../../api/reasons.ts';

/** What the worker needs after the target's own grace period, to clean up and to report how it ended. */
const cleanUpSeconds = 30;

/** A run whose spec is valid. */
export type Run = { metadata: DockerRunMetadata; spec: DockerRunSpec };

/** The Job of a run. The same run has the same Job, so that the API server refuses a second one. */
export function desiredJob(given: Run, config: WorkerConfig, policy: Policy): V1Job {
  const run = { ...given, spec: withDockerDefaults(given.spec, policy) };
  const { metadata, spec } = run;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: withQueue(jobMetadata(metadata, jobName(metadata)), metadata),
    spec: {
      completions: 1,
      parallelism: 1,
      // Only the pods of an Indexed Job have an annotation with the number of failures before them.
      completionMode: 'Indexed',
      backoffLimitPerIndex: spec.backoffLimit,
      podReplacementPolicy: 'Failed',
      podFailurePolicy: { rules: failureRules() },
      template: podTemplate(run, config, policy),
    },
  };
}

/** The metadata of a Job that a run owns; the controller watches Jobs with its label. */
export function jobMetadata({ namespace, name, uid }: DockerRunMetadata, job: string): V1ObjectMeta {
  const owner = { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
  return { name: job, namespace, labels: labelsOf({ name, uid }), ownerReferences: [owner] };
}

/** Copies the labels by which a queue such as Kueue takes a Job. */
function withQueue(job: V1ObjectMeta, { labels: ofRun = {} }: DockerRunMetadata): V1ObjectMeta {
  const queue = Object.entries(ofRun).filter(([key]) => key.startsWith(queueLabelPrefix));
  return { ...job, labels: { ...job.labels, ...Object.fromEntries(queue) } };
}

function labelsOf(metadata: { name: string; uid: string }): Record<string, string> {
  return { [labels.runUid]: metadata.uid, [labels.runName]: labelValue(metadata.name) };
}

function podTemplate(run: Run, config: WorkerConfig, policy: Policy): V1PodTemplateSpec {
  const { metadata, spec } = run;
  const mounts = podMounts(spec, config, policy);
  const gpusByLabel = allowsDockerOption(policy, 'deviceRequests', 'gpu');
  return {
    metadata: {
      labels: { ...spec.podMetadata?.labels, ...labelsOf(metadata) },
      annotations: {
        ...spec.podMetadata?.annotations,
        'kubectl.kubernetes.io/default-container': workerContainerName,
      },
    },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds + cleanUpSeconds,
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      ...schedulingOf(spec),
      containers: [workerContainer(run, { ...config, gpusByLabel }, mounts)],
      volumes: volumesOf(mounts),
    },
  };
}

/** The fields of the spec that a pod has under the same name. */
function schedulingOf(spec: DockerRunSpec): Partial<V1PodSpec> {
  const { nodeSelector, tolerations, affinity, priorityClassName, schedulerName } = spec;
  return {
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(tolerations === undefined ? {} : { tolerations }),
    ...(affinity === undefined ? {} : { affinity }),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    ...(schedulerName === undefined ? {} : { schedulerName }),
  };
}

/** A failure that a retry cannot fix fails the Job at once; a disruption is not a failed attempt. */
function failureRules() {
  return [
    {
      action: 'FailJob',
      onExitCodes: {
        containerName: workerContainerName,
        operator: 'In',
        values: finalExitCodes,
      },
    },
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
  ];
}
