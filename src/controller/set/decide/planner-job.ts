import type { V1Job } from '@kubernetes/client-node';
import { defined } from '../../../api/json-values.ts';
import {
  labels,
  labelValue,
  plannerJobName,
  progressPort,
  queueLabelsOf,
  specHashAnnotation,
  workerContainerName,
} from '../../../api/names.ts';
import { workerEnvironment, workerPaths } from '../../../api/run-plan.ts';
import { type PlannerPlan, plannerPlanVariable } from '../../../api/set/planner-plan.ts';
import { canonicalJson, sha256Of } from '../../../api/set/recipe.ts';
import type { DockerRunSetSpec } from '../../../api/set/set-spec.ts';
import type { DockerRunSetStatus } from '../../../api/set/set-status.ts';
import type { Policy } from '../../../policy/policy.ts';
import { optOutAnnotations, optOutLabels } from '../../job/injectors.ts';
import { pullSecretsOf } from '../../job/job.ts';
import { literal, type WorkerConfig } from '../../job/worker-config.ts';
import { ownerOf, type Set } from './chunk-run.ts';

/** The user of the planner's image that is not root: the planner needs no rights on its node. */
const plannerUser = 65_532;

/** With limits, because a quota may require them. */
const resources = {
  requests: { cpu: '50m', memory: '128Mi' },
  limits: { cpu: '1', memory: '256Mi' },
} as const;

/** Seconds that an ended planner stays, in case no controller deletes it: long enough to read its log. */
const keptSeconds = 3_600;

/** The Job starts no other pod, because it would wait at least 10 s: the set makes another Job, with waits of its own. */
const backoffLimit = 0;

/** Fields that say how the inputs run, but not which: a change of them needs no other planner. */
const withoutPlanning: readonly string[] = [
  'parallelism',
  'chunk',
  'canary',
  'failureBudget',
  'escalate',
  'schedule',
  'suspend',
  'cancel',
];

/** Of what the planner needs to know: a planner of another hash is replaced. */
export function planHashOf(spec: DockerRunSetSpec): string {
  const { watch, ...others } = spec;
  const planned = Object.entries(others).filter(([field]) => !withoutPlanning.includes(field));
  const plan = { ...Object.fromEntries(planned), verifyEvery: watch?.verifyEvery };
  return sha256Of(canonicalJson(plan)).slice(0, 32);
}

/** True when the pass has to try once more what has failed for good, as spec.retryFailed asks. */
export function retriesFailed({ retryFailed = '' }: DockerRunSetSpec, { pass }: DockerRunSetStatus): boolean {
  return retryFailed !== '' && retryFailed !== pass?.retryFailed;
}

type Settings = {
  readonly worker: WorkerConfig;
  readonly policy: Policy;
  readonly status: DockerRunSetStatus;
};

/** The Job that plans a pass: one pod with the Secret for Girder, and without rights in Kubernetes or on its node. */
export function desiredPlannerJob(set: Set, pass: number, { worker, policy, status }: Settings): V1Job {
  const { name, namespace, uid, labels: own = {} } = set.metadata;
  const marks = { [labels.set]: labelValue(name), [labels.setUid]: uid };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: plannerJobName(set.metadata, pass),
      namespace,
      labels: { ...queueLabelsOf(own), ...marks },
      annotations: { [specHashAnnotation]: planHashOf(set.spec) },
      ownerReferences: [ownerOf(set.metadata) as never],
    },
    spec: {
      completions: 1,
      parallelism: 1,
      completionMode: 'Indexed',
      backoffLimit,
      podReplacementPolicy: 'Failed',
      ttlSecondsAfterFinished: keptSeconds,
      template: {
        metadata: {
          labels: { ...optOutLabels, ...marks },
          annotations: {
            ...optOutAnnotations,
            'kubectl.kubernetes.io/default-container': workerContainerName,
          },
        },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 10,
          securityContext: { seccompProfile: { type: 'RuntimeDefault' }, runAsNonRoot: true },
          ...pullSecretsOf(set.spec.template.spec, worker),
          containers: [container(set, { pass, worker, policy, status })],
          volumes: [
            {
              name: 'girder-credentials',
              secret: { secretName: set.spec.girder.credentialsSecretRef.name, defaultMode: 0o444 },
            },
            { name: 'spool', emptyDir: {} },
          ],
        },
      },
    },
  };
}

function container(set: Set, { pass, worker, policy, status }: Settings & { pass: number }) {
  const { name, namespace, uid } = set.metadata;
  const { girderRedirects } = policy;
  const plan: PlannerPlan = {
    set: { namespace, name, uid },
    spec: set.spec,
    pass,
    retryFailed: retriesFailed(set.spec, status),
    ...defined({ retryInGirder: status.retryInGirder, girderRedirects }),
  };
  return {
    name: workerContainerName,
    image: worker.image,
    imagePullPolicy: worker.imagePullPolicy,
    args: ['worker', 'plan'],
    env: [
      { name: plannerPlanVariable, value: literal(JSON.stringify(plan)) },
      { name: workerEnvironment.podUid, valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
      { name: workerEnvironment.logLevel, value: worker.logLevel },
      ...Object.entries(worker.egress ?? {}).map(([key, value]) => ({ name: key, value: literal(value) })),
      // With these limits, V8 collects garbage before the planner outgrows its memory.
      { name: 'NODE_OPTIONS', value: '--max-old-space-size=96 --max-semi-space-size=1' },
    ],
    ports: [{ name: 'progress', containerPort: progressPort }],
    resources,
    securityContext: {
      runAsUser: plannerUser,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'girder-credentials', mountPath: workerPaths.girderSecret, readOnly: true },
      // The report of the pass, and what it has to look at twice.
      { name: 'spool', mountPath: workerPaths.spool },
    ],
  };
}
