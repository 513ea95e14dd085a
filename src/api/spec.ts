import { Type } from 'typebox';
import { dockerOptions } from './docker/options.ts';
import { environmentVariables, girderId, secretKeyReference, secretName, seconds } from './fields.ts';
import { girderResultHook } from './hooks.ts';
import { mapOf, namedList, quantity, rules, enumOf } from './keywords.ts';
import { nameRules } from './spec-rules.ts';
import { temporaryVolumeName } from './names.ts';
import {
  affinity,
  nodeSelector,
  podMetadata,
  priorityClassName,
  schedulerName,
  tolerations,
} from './scheduling.ts';
import { transform } from './transforms.ts';
import { dockerVolume, volume } from './volumes.ts';

const resourceMap = (description: string) =>
  mapOf(quantity(), {
    description,
    maxProperties: 16,
    ...rules({
      rule: "self.all(name, name in ['cpu', 'memory', 'ephemeral-storage'] || name.contains('/'))",
      message: 'only cpu, memory, ephemeral-storage and extended resources such as nvidia.com/gpu can be set',
    }),
  });

const resources = Type.Object(
  {
    requests: Type.Optional(resourceMap('What the node must have free for the target.')),
    limits: Type.Optional(resourceMap('What the target can use at most.')),
  },
  {
    description:
      'The resources of the target, as of a container in a pod. What the worker needs is added to them.',
  },
);

const girderJob = Type.Object(
  {
    id: girderId('the job'),
    tokenSecretRef: secretKeyReference(
      "A key of a Secret with the job's own token, which can do nothing but report to this job.",
    ),
  },
  {
    description:
      "A job of Girder that shows the run's status, log and progress; who cancels it there stops the run.",
  },
);

const girder = Type.Object(
  {
    apiUrl: Type.String({
      description:
        "The address of Girder's REST API, as nodes reach it, for example https://data.example.org/api/v1.",
      pattern: '^https?://',
      maxLength: 1024,
    }),
    credentialsSecretRef: Type.Optional(
      Type.Object(
        { name: secretName() },
        {
          description:
            'A Secret in the namespace of the run with the key apiKey (an API key of Girder) or token.',
        },
      ),
    ),
    job: Type.Optional(girderJob),
  },
  {
    description: 'The Girder that inputs come from, results go to, and that has a job of the run.',
    ...rules({
      rule: 'has(self.credentialsSecretRef) || has(self.job)',
      message: 'set credentialsSecretRef, job, or both',
    }),
  },
);

/** A transform `t` that reads or writes data of Girder, in CEL. */
const usesGirder = [
  'has(t.girderFileIdToVolume)',
  'has(t.girderItemIdToVolume)',
  'has(t.girderFolderIdToVolume)',
  '(has(t.connect) && (has(t.connect.input.girderFileIdToStream) || has(t.connect.output.girderStreamToItem)))',
].join(' || ');

/** What a user asks for. Field texts are those of `kubectl explain`. */
export const dockerRunSpec = Type.Object(
  {
    image: Type.String({ description: 'The image of the target.', minLength: 1, maxLength: 1024 }),
    imagePullPolicy: Type.Optional(
      enumOf(['Always', 'IfNotPresent', 'Never'], {
        description:
          'When the node pulls the image. When absent: Always for the tag latest or no tag, else IfNotPresent, as for a pod.',
      }),
    ),
    imagePullSecrets: Type.Optional(
      namedList(Type.Object({ name: secretName() }), {
        description:
          'Secrets in the namespace of the run with credentials for registries (kubernetes.io/dockerconfigjson), as of a pod.',
        maxItems: 16,
      }),
    ),
    command: Type.Optional(
      Type.Array(Type.String({ maxLength: 32768 }), {
        description: "The target's entrypoint in place of the image's. $(name) is expanded as in args.",
        maxItems: 256,
      }),
    ),
    args: Type.Optional(
      Type.Array(Type.String({ maxLength: 32768 }), {
        description:
          "The target's arguments. $(name) becomes the path that the volume or transform of that name has in the target; $$(name) is the text $(name).",
        maxItems: 1024,
      }),
    ),
    env: Type.Optional(environmentVariables()),
    resources: Type.Optional(resources),
    volumes: Type.Optional(
      namedList(volume, {
        description: `Directories that the target sees, besides $(${temporaryVolumeName}), which every run has.`,
        maxItems: 64,
      }),
    ),
    dockerVolumes: Type.Optional(
      Type.Unsafe<Record<string, Type.Static<typeof dockerVolume>>>({
        type: 'object',
        description:
          "docker-py's volumes dictionary: directories of the node, which the operator's policy must allow, and where the target sees them.",
        additionalProperties: dockerVolume,
        maxProperties: 64,
        ...rules({
          rule: "self.all(path, path.startsWith('/') && !path.split('/').exists(part, part == '..' || part == '.'))",
          message: "every key must be an absolute path of the node without '.' and '..'",
        }),
      }),
    ),
    transforms: Type.Optional(
      namedList(transform, { description: 'Named things that become a path in the target.', maxItems: 256 }),
    ),
    girderResultHooks: Type.Optional(
      Type.Array(girderResultHook, {
        description: 'What is uploaded, in this order, when the target ended.',
        maxItems: 256,
      }),
    ),
    girder: Type.Optional(girder),
    docker: Type.Optional(dockerOptions),
    removeContainer: Type.Boolean({
      description:
        "Whether the target's container is removed when it ended. A container that is kept is shown in status.target.containerID and stays on the node until somebody removes it, or the run is tried again.",
      default: true,
    }),
    terminationGracePeriodSeconds: seconds(
      'How long the target has between its stop signal and SIGKILL when the run is stopped.',
      { minimum: 0, maximum: 3600, default: 10 },
    ),
    startDeadlineSeconds: seconds(
      'How long the run may take to be scheduled, to pull its image and to download its inputs.',
      { minimum: 1, default: 3600 },
    ),
    activeDeadlineSeconds: Type.Optional(
      seconds('How long the target may run; it is stopped then and the run fails.', { minimum: 1 }),
    ),
    backoffLimit: Type.Integer({
      description:
        'How often a failed attempt is tried again. What another attempt cannot mend is never tried again.',
      minimum: 0,
      maximum: 100,
      default: 0,
    }),
    ttlSecondsAfterFinished: Type.Optional(
      seconds('How long after its end the DockerRun is deleted, with its Job and pods; never when absent.', {
        minimum: 0,
      }),
    ),
    suspend: Type.Optional(
      Type.Boolean({
        description:
          'true stops the run for now: it gets no pod, and one that it has is ended and counts as no attempt. false lets it begin anew. A girder.job that was reported to is cancelled by that for good.',
        default: false,
      }),
    ),
    cancel: Type.Optional(
      Type.Boolean({
        description:
          'true stops the run for good, as deleting it does, but keeps it with its status. Nothing is uploaded from then on.',
        default: false,
      }),
    ),
    priorityClassName: Type.Optional(priorityClassName()),
    schedulerName: Type.Optional(schedulerName()),
    tolerations: Type.Optional(tolerations()),
    affinity: Type.Optional(affinity()),
    podMetadata: Type.Optional(podMetadata()),
    nodeSelector: Type.Optional(nodeSelector()),
  },
  {
    description: 'What to run.',
    ...rules(...nameRules, {
      rule: `(has(self.girder) && has(self.girder.credentialsSecretRef)) || ((!has(self.transforms) || !self.transforms.exists(t, ${usesGirder})) && (!has(self.girderResultHooks) || size(self.girderResultHooks) == 0))`,
      message: 'girder.credentialsSecretRef is required when a transform or hook uses Girder',
    }),
  },
);

export type DockerRunSpec = Type.Static<typeof dockerRunSpec>;
