import type { V1Job, V1ObjectMeta, V1PodSpec, V1PodTemplateSpec } from '@kubernetes/client-node';
import type { DockerRunMetadata } from '../../api/docker-run.ts';
import {
  apiVersion,
  engineLabel,
  jobName,
  kind,
  labels,
  labelValue,
  queueLabelsOf,
  workerContainerName,
} from '../../api/names.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { originAnnotations } from '../../api/job-origin.ts';
import type { WorkerConfig } from './worker-config.ts';
import { hostMountsOf, volumesOf } from './host-mounts.ts';
import { optOutAnnotations, optOutLabels } from './injectors.ts';
import { podMounts } from './pod-volumes.ts';
import { workerContainer } from './worker-container.ts';
import { allowsDockerOption } from '../../policy/allowed-options.ts';
import { type Policy, withPolicyDefaults } from '../../policy/policy.ts';
import { exitCodes, finalExitCodes } from '../../api/run-plan.ts';

/** What the worker needs after the target's own grace period, to clean up and to report how it ended. */
const cleanUpSeconds = 30;

/** A run whose spec is valid. */
export type Run = {
  metadata: DockerRunMetadata;
  spec: DockerRunSpec;
  /** How many attempts of an earlier Job of the run count against backoffLimit. */
  failedAttempts?: number | undefined;
};

/** The Job of a run. The same run has the same Job, so that the API server refuses a second one. */
export function desiredJob(given: Run, config: WorkerConfig, policy: Policy): V1Job {
  const bounded = withPolicyDefaults(given.spec, policy);
  const backoffLimit = Math.max(0, bounded.backoffLimit - (given.failedAttempts ?? 0));
  const run = { ...given, spec: { ...bounded, backoffLimit } };
  const { metadata, spec } = run;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: withOrigin(jobMetadata(metadata, jobName(metadata)), given),
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

/** Copies the labels by which a queue such as Kueue takes a Job, and annotates it with what it is made of. */
function withOrigin(job: V1ObjectMeta, run: Run): V1ObjectMeta {
  const queue = queueLabelsOf(run.metadata.labels ?? {});
  return { ...job, labels: { ...job.labels, ...queue }, annotations: originAnnotations(run) };
}

function labelsOf(metadata: { name: string; uid: string }): Record<string, string> {
  return { [labels.runUid]: metadata.uid, [labels.runName]: labelValue(metadata.name) };
}

function podTemplate(run: Run, config: WorkerConfig, policy: Policy): V1PodTemplateSpec {
  const { metadata, spec } = run;
  const hostMounts = hostMountsOf({ spec, runUid: metadata.uid, isCleanup: false }, policy);
  const mounts = podMounts(spec, config, hostMounts);
  const gpusByLabel = allowsDockerOption(policy, 'deviceRequests', 'gpu');
  const { girderRedirects } = policy;
  const settings = { ...config, gpusByLabel, girderRedirects, hostMounts: hostMounts.planned };
  return {
    metadata: {
      // The operator's own come last, so that no run overrides them.
      labels: { ...spec.podMetadata?.labels, ...optOutLabels, ...labelsOf(metadata) },
      annotations: {
        ...spec.podMetadata?.annotations,
        ...optOutAnnotations,
        'kubectl.kubernetes.io/default-container': workerContainerName,
      },
    },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds + cleanUpSeconds,
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      ...schedulingOf(spec, config),
      ...pullSecretsOf(spec, config),
      containers: [workerContainer(run, settings, mounts)],
      volumes: volumesOf(mounts),
    },
  };
}

/** The Secrets with which the kubelet pulls the worker's image: the installation's, and those of the run. */
export function pullSecretsOf(
  spec: DockerRunSpec,
  { imagePullSecrets: ofWorkers }: WorkerConfig,
): Pick<V1PodSpec, 'imagePullSecrets'> {
  const ofRun = (spec.imagePullSecrets ?? []).map(({ name }) => name);
  const names = new Set([...ofWorkers, ...ofRun]);
  return names.size === 0 ? {} : { imagePullSecrets: [...names].map((name) => ({ name })) };
}

/** The fields of the spec that a pod has under the same name. */
function schedulingOf(spec: DockerRunSpec, { onReadyNodes }: WorkerConfig): Partial<V1PodSpec> {
  const { nodeSelector: ofUser, tolerations, affinity, priorityClassName, schedulerName } = spec;
  // Unlike a term of an affinity, it holds together with whatever the user requires.
  const nodeSelector = onReadyNodes ? { ...ofUser, [engineLabel]: 'ready' } : ofUser;
  return {
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(tolerations === undefined ? {} : { tolerations }),
    ...(affinity === undefined ? {} : { affinity }),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    ...(schedulerName === undefined ? {} : { schedulerName }),
  };
}

/**
 * A failure that a retry cannot fix fails the Job at once; a fault of the node and a disruption do not count. What
 * others added to the pod may fail it after the worker has succeeded: that must not run the target again.
 */
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
    {
      action: 'Ignore',
      onExitCodes: { containerName: workerContainerName, operator: 'In', values: [exitCodes.node] },
    },
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    {
      action: 'Count',
      onExitCodes: { containerName: workerContainerName, operator: 'NotIn', values: [exitCodes.done] },
    },
    // An init container failed, so the worker has not run.
    { action: 'Count', onPodConditions: [{ type: 'Initialized', status: 'False' }] },
    { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [exitCodes.done] } },
  ];
}
