import type { V1Container, V1EnvVar } from '@kubernetes/client-node';
import type { DockerRunMetadata } from '../../api/docker-run.ts';
import { progressPort, workerContainerName } from '../../api/names.ts';
import { failureCountAnnotation, type RunPlan, workerEnvironment } from '../../api/plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { WorkerConfig } from '../config.ts';
import { literal } from './env-value.ts';
import { type PodMount, volumeMountsOf } from './pod-mount.ts';
import { tracingEnvironment } from './pod-tracing.ts';
import { podResources, qosClass } from './resources.ts';

/** The operator's settings, and what its policy allows images to ask for. */
type Settings = WorkerConfig & { readonly gpusByLabel: boolean };

type Run = { metadata: DockerRunMetadata; spec: DockerRunSpec };

/** The one container of the run's pod. */
export function workerContainer(run: Run, config: Settings, mounts: readonly PodMount[]): V1Container {
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
    volumeMounts: volumeMountsOf(mounts),
  };
}

function environment({ metadata, spec }: Run, config: Settings): V1EnvVar[] {
  const { namespace, name, uid } = metadata;
  const plan: RunPlan = {
    run: { namespace, name, uid },
    spec,
    kubeletRoot: config.kubeletRoot,
    gpusByLabel: config.gpusByLabel,
    podCgroup: { root: config.cgroupRoot, qosClass: qosClass(podResources(spec)) },
  };
  return [
    { name: workerEnvironment.plan, value: literal(JSON.stringify(plan)) },
    { name: workerEnvironment.podUid, valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
    {
      name: workerEnvironment.failedAttempts,
      valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${failureCountAnnotation}']` } },
    },
    { name: workerEnvironment.logLevel, value: config.logLevel },
    ...tracingEnvironment(metadata, config.tracing),
    // Caps on the heap make V8 collect before the worker outgrows what its pod reserves for it.
    { name: 'NODE_OPTIONS', value: '--max-old-space-size=96 --max-semi-space-size=1' },
  ];
}
