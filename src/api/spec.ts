import { Type } from 'typebox';
import { dockerOptions } from './docker/options.ts';
import {
  environmentVariables,
  girderApiUrl,
  girderId,
  girderIdOfRun,
  girderPath,
  secretKeyReference,
  secretName,
  seconds,
} from './fields.ts';
import { forEach } from './for-each.ts';
import { girderResultHook } from './hooks.ts';
import { type CelRule, exactlyOneOf, mapOf, namedList, quantity, rules, enumOf } from './keywords.ts';
import { temporaryVolumeName } from './names.ts';
import {
  affinity,
  nodeSelector,
  podMetadata,
  priorityClassName,
  schedulerName,
  tolerations,
} from './scheduling.ts';
import { maxTransforms, transform } from './transforms.ts';
import { dockerVolume, volume } from './volumes.ts';

/**
 * Rules about ambiguous and undeclared names. The controller checks `$(name)` in commands and arguments
 * (`validate.ts`): the API server bounds a rule by its worst-case cost, and 1024 texts of 32 KiB exceed the
 * bound.
 */

/** CEL: each list holds what must be set, parents first, for a transform `t` to refer to a volume. */
const volumeReferences = [
  ['t.girderFileIdToVolume'],
  ['t.girderItemIdToVolume'],
  ['t.girderFolderIdToVolume'],
  ['t.girderMetadataToVolume'],
  ['t.volumePath'],
  ['t.progressPipe'],
  ['t.namedInputPipe'],
  ['t.namedOutputPipe'],
  ['t.connect', 't.connect.input.namedOutputPipe'],
  ['t.connect', 't.connect.output.namedInputPipe'],
];

/** CEL: lists of names, made once for a rule, because a search in a list is much faster than a loop of rules. */
const volumeNames = `(has(self.volumes) ? self.volumes.map(v, v.name) : []) + ['${temporaryVolumeName}']`;
const uploadableNames = `${volumeNames} + (has(self.transforms) ? self.transforms.filter(t, has(t.volumePath)).map(t, t.name) : [])`;

/** The volume of a transform: of its kinds only one is set, and one search costs a tenth of ten. */
const volumeOfTransform = volumeReferences.reduceRight((rest, path) => {
  const field = `${path.at(-1)}.volume`;
  return `(${[...path, field].map((part) => `has(${part})`).join(' && ')} ? ${field} : ${rest})`;
}, `'${temporaryVolumeName}'`);

const uploadOfHook = ['h.girderUploadVolumePathToItem', 'h.girderUploadVolumePathToFolder'].reduceRight(
  (rest, kind) => `(has(${kind}) ? ${kind}.volumePath : ${rest})`,
  `'${temporaryVolumeName}'`,
);

const nameRules: readonly CelRule[] = [
  {
    rule: '!has(self.volumes) || !has(self.transforms) || ![self.volumes.map(v, v.name)].exists(names, self.transforms.exists(t, t.name in names))',
    message: 'a transform has the name of a volume, so $(name) is ambiguous',
  },
  {
    rule: `!has(self.transforms) || [${volumeNames}].all(names, self.transforms.all(t, ${volumeOfTransform} in names))`,
    message: `a transform refers to a volume that does not exist: use the name of one in spec.volumes, or ${temporaryVolumeName}`,
  },
  {
    rule: `!has(self.girderResultHooks) || [${uploadableNames}].all(names, self.girderResultHooks.all(h, ${uploadOfHook} in names))`,
    message:
      'a hook refers to a volumePath that does not exist: use the name of a volumePath in spec.transforms, or of a volume',
  },
];

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
    requests: Type.Optional(resourceMap('The resources that the node must have free for the target.')),
    limits: Type.Optional(resourceMap('The most that the target may use.')),
  },
  {
    description:
      'The resources of the target, as for a container in a pod. The resources of the worker are added to them.',
  },
);

const girderJob = Type.Object(
  {
    id: girderId('the job'),
    tokenSecretRef: secretKeyReference(
      "The key of a Secret that holds the job's own token, which is valid only for reports to this job.",
    ),
  },
  {
    description:
      'A Girder job that shows the status, log and progress of the run. Cancelling the job stops the run.',
  },
);

const girderLog = Type.Object(
  {
    itemId: Type.Optional(girderIdOfRun('the item that receives the log')),
    folderId: Type.Optional(
      girderIdOfRun('the folder that receives the log', 'The log becomes an item in it.'),
    ),
    path: Type.Optional(girderPath('the item or folder that receives the log')),
    createFolder: Type.Optional(
      Type.Boolean({
        description:
          'Whether the folder of path, and the folders on the way to it, are created in Girder before the upload if they do not exist.',
        default: false,
      }),
    ),
    when: enumOf(['Always', 'OnFailure'], {
      description:
        'Whether the log is kept always or only if the run fails. After a run is cancelled, nothing is uploaded.',
      default: 'Always',
    }),
  },
  {
    description:
      "Keeps the target's standard output and standard error as a file of Girder, in the order in which they arrive, with the name of the run and .log. A file of an earlier attempt stays, and the next is named -2.log. Of more than 32 MiB the first 8 and the last 24 are kept. The log of the pod shows the output as well.",
    ...rules(...exactlyOneOf(['itemId', 'folderId', 'path'])['x-kubernetes-validations'], {
      rule: '!has(self.createFolder) || !self.createFolder || has(self.path)',
      message: 'createFolder requires path: a folder with an ID exists',
    }),
  },
);

const girder = Type.Object(
  {
    apiUrl: girderApiUrl(),
    credentialsSecretRef: Type.Optional(
      Type.Object(
        { name: secretName() },
        {
          description:
            'A Secret in the namespace of the run that has the key apiKey (an API key of Girder) or token.',
        },
      ),
    ),
    job: Type.Optional(girderJob),
    log: Type.Optional(girderLog),
  },
  {
    description: 'The Girder that holds the inputs, the results and the Girder job of the run.',
    ...rules(
      {
        rule: 'has(self.credentialsSecretRef) || has(self.job)',
        message: 'set credentialsSecretRef, job, or both',
      },
      {
        rule: '!has(self.log) || has(self.credentialsSecretRef)',
        message: 'log requires credentialsSecretRef',
      },
    ),
  },
);

/** What the API server sets where a spec has no value; specs that were stored before a field existed lack it. */
export const specDefaults = {
  startDeadlineSeconds: 3_600,
  uploadDeadlineSeconds: 86_400,
  terminationGracePeriodSeconds: 10,
  disruptionLimit: 10,
} as const;

/** CEL: the transform `t` reads or writes data of Girder. */
const usesGirder = [
  'has(t.girderFileIdToVolume)',
  'has(t.girderItemIdToVolume)',
  'has(t.girderFolderIdToVolume)',
  'has(t.girderMetadataToVolume)',
  '(has(t.connect) && (has(t.connect.input.girderFileIdToStream) || has(t.connect.output.girderStreamToItem)))',
].join(' || ');

/** `spec` of a DockerRun. `kubectl explain` shows the descriptions. */
export const dockerRunSpec = Type.Object(
  {
    image: Type.String({ description: 'The image of the target.', minLength: 1, maxLength: 1024 }),
    imagePullPolicy: Type.Optional(
      enumOf(['Always', 'IfNotPresent', 'Never'], {
        description:
          'When the node pulls the image. Defaults to Always for the tag latest or no tag, else to IfNotPresent, as for a pod.',
      }),
    ),
    imagePullSecrets: Type.Optional(
      namedList(Type.Object({ name: secretName() }), {
        description:
          'Secrets in the namespace of the run with credentials for registries (kubernetes.io/dockerconfigjson), as for a pod.',
        maxItems: 16,
      }),
    ),
    command: Type.Optional(
      Type.Array(Type.String({ maxLength: 32768 }), {
        description:
          'The entrypoint of the target, in place of that of the image. $(name) is expanded as in args.',
        maxItems: 256,
      }),
    ),
    args: Type.Optional(
      Type.Array(Type.String({ maxLength: 32768 }), {
        description:
          'The arguments of the target. $(name) is replaced by the path of that volume or transform in the target. $$(name) stands for the text $(name).',
        maxItems: 4096,
      }),
    ),
    env: Type.Optional(environmentVariables()),
    resources: Type.Optional(resources),
    volumes: Type.Optional(
      namedList(volume, {
        description: `Directories that are mounted into the target, in addition to $(${temporaryVolumeName}), which every run has.`,
        maxItems: 64,
      }),
    ),
    dockerVolumes: Type.Optional(
      mapOf(dockerVolume, {
        description:
          "docker-py's volumes dictionary: directories of the node, each with its path in the target. The DockerRunPolicy must allow the directories.",
        maxProperties: 64,
        ...rules({
          rule: "self.all(path, path.startsWith('/') && !path.split('/').exists(part, part == '..' || part == '.'))",
          message: "every key must be an absolute path of the node without '.' and '..'",
        }),
      }),
    ),
    transforms: Type.Optional(
      namedList(transform, {
        description:
          'Inputs, outputs and streams by name. $(name) in an argument is the path of the transform in the target.',
        maxItems: maxTransforms,
      }),
    ),
    girderResultHooks: Type.Optional(
      Type.Array(girderResultHook, {
        description: 'The uploads after the target has ended, in this order.',
        maxItems: 256,
      }),
    ),
    girder: Type.Optional(girder),
    docker: Type.Optional(dockerOptions),
    removeContainer: Type.Boolean({
      description:
        "Whether the target's container is removed after it has ended. A kept container is shown in status.target.containerID. It stays on the node until it is removed by hand or the run is retried.",
      default: true,
    }),
    terminationGracePeriodSeconds: seconds(
      'How many seconds the target has between its stop signal and SIGKILL when the run is stopped.',
      { minimum: 0, maximum: 3600, default: specDefaults.terminationGracePeriodSeconds },
    ),
    startDeadlineSeconds: seconds(
      'How many seconds the run may take to be scheduled, to pull its image and to download its inputs.',
      { minimum: 1, default: specDefaults.startDeadlineSeconds },
    ),
    activeDeadlineSeconds: Type.Optional(
      seconds('How many seconds the target may run. After that it is stopped and the run fails.', {
        minimum: 1,
      }),
    ),
    uploadDeadlineSeconds: Type.Optional(
      seconds(
        'How many seconds the results may take to be uploaded after the target has ended. After that the run fails.',
        { minimum: 1, default: specDefaults.uploadDeadlineSeconds },
      ),
    ),
    backoffLimit: Type.Integer({
      description:
        'How many failed attempts are retried. A failure that another attempt cannot fix is never retried.',
      minimum: 0,
      maximum: 100,
      default: 0,
    }),
    disruptionLimit: Type.Optional(
      Type.Integer({
        description:
          'How many times the pod of the run may be disrupted, for example by a drain of its node. Each time it is replaced without using up backoffLimit; one more fails the run.',
        minimum: 0,
        maximum: 1000,
        default: specDefaults.disruptionLimit,
      }),
    ),
    ttlSecondsAfterFinished: Type.Optional(
      seconds(
        'How many seconds after its end the DockerRun is deleted, with its Job and pods. When absent, it is not deleted.',
        {
          minimum: 0,
        },
      ),
    ),
    suspend: Type.Optional(
      Type.Boolean({
        description:
          'true stops the run for now: its pod is stopped, which does not count as an attempt, and no other is created. false starts the run again. Suspending cancels a girder.job for good if the run has reported to it.',
        default: false,
      }),
    ),
    cancel: Type.Optional(
      Type.Boolean({
        description:
          'true stops the run for good, but keeps the DockerRun and its status, unlike deletion. Nothing is uploaded after that.',
        default: false,
      }),
    ),
    priorityClassName: Type.Optional(priorityClassName()),
    schedulerName: Type.Optional(schedulerName()),
    tolerations: Type.Optional(tolerations()),
    affinity: Type.Optional(affinity()),
    podMetadata: Type.Optional(podMetadata()),
    nodeSelector: Type.Optional(nodeSelector()),
    forEach: Type.Optional(forEach),
  },
  {
    description: 'What to run.',
    ...rules(...nameRules, {
      rule: `(has(self.girder) && has(self.girder.credentialsSecretRef)) || ((!has(self.transforms) || !self.transforms.exists(t, ${usesGirder})) && (!has(self.girderResultHooks) || size(self.girderResultHooks) == 0))`,
      message: 'girder.credentialsSecretRef is required if a transform or hook uses Girder',
    }),
  },
);

export type DockerRunSpec = Type.Static<typeof dockerRunSpec>;

/** In a DockerRunSet, whose runs get `girder` from the set. */
export const templateSpec = Type.Object(dockerRunSpec.properties, {
  description: 'What to run.',
  ...rules(...nameRules),
});
