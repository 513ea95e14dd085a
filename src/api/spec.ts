import { Type } from 'typebox';
import { exactlyOneOf, mapOf, namedList, quantity, rules, word } from './keywords.ts';
import { temporaryVolumeName } from './names.ts';

const name = (what: string) =>
  Type.String({
    description: `${what}; arguments use it as $(name).`,
    pattern: '^[A-Za-z]([A-Za-z0-9_.-]*[A-Za-z0-9])?$',
    maxLength: 63,
    ...rules({
      rule: `self != '${temporaryVolumeName}'`,
      message: `${temporaryVolumeName} is the name of the volume that every run has`,
    }),
  });

const absolutePath = (description: string) =>
  Type.String({
    description,
    maxLength: 1024,
    pattern: '^/',
    ...rules({
      rule: "!self.split('/').exists(part, part == '..' || part == '.')",
      message: "must be an absolute path without '.' and '..'",
    }),
  });

const relativePath = (description: string) =>
  Type.String({
    description,
    minLength: 1,
    maxLength: 1024,
    ...rules({
      rule: "!self.startsWith('/') && !self.split('/').exists(part, part == '..' || part == '.' || part == '')",
      message: "must be a path inside the volume: relative, and without '.', '..' and empty parts",
    }),
  });

const girderId = (what: string) =>
  Type.String({ description: `The id of ${what} in Girder.`, pattern: '^[0-9a-f]{24}$', maxLength: 24 });

const volumeReference = () =>
  Type.Optional(
    Type.String({
      description: `The name of the volume it is in; ${temporaryVolumeName} when absent.`,
      maxLength: 63,
    }),
  );

const mountMode = () =>
  word(['rw', 'ro'], { description: 'Whether the target may write to it (rw) or not (ro).', default: 'rw' });

const secretKeyReference = Type.Object(
  {
    name: Type.String({
      description: 'The name of the Secret, in the namespace of the run.',
      minLength: 1,
      maxLength: 253,
    }),
    key: Type.String({ description: 'The key in the Secret.', minLength: 1, maxLength: 253 }),
  },
  { description: 'A key of a Secret. Only the worker and the target see its value.' },
);

const environmentVariable = Type.Object(
  {
    name: Type.String({
      description: 'The name of the variable.',
      pattern: '^[^=]+$',
      minLength: 1,
      maxLength: 256,
    }),
    value: Type.Optional(Type.String({ description: 'The value of the variable.', maxLength: 32768 })),
    valueFrom: Type.Optional(
      Type.Object({ secretKeyRef: secretKeyReference }, { description: 'Where the value comes from.' }),
    ),
  },
  {
    ...rules({
      rule: '!(has(self.value) && has(self.valueFrom))',
      message: 'set value or valueFrom, not both',
    }),
  },
);

const resourceMap = (description: string) =>
  mapOf(quantity(), {
    description,
    maxProperties: 2,
    ...rules({
      rule: "self.all(name, name in ['cpu', 'memory'])",
      message: 'only cpu and memory can be set',
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

const volume = Type.Object(
  {
    name: name('The name of the volume'),
    bindMount: Type.Optional(
      Type.Object(
        {
          hostPath: absolutePath("A directory of the node, which the operator's policy must allow."),
          containerPath: absolutePath('Where the target sees it.'),
          mode: mountMode(),
        },
        { description: "Girder Worker's BindMountVolume: a directory of the node." },
      ),
    ),
  },
  exactlyOneOf(['bindMount']),
);

const dockerVolume = Type.Object({
  bind: absolutePath('Where the target sees it.'),
  mode: mountMode(),
});

const transform = Type.Object(
  {
    name: name('The name of the transform'),
    girderFileIdToVolume: Type.Optional(
      Type.Object(
        {
          fileId: girderId('the file'),
          volume: volumeReference(),
          filename: Type.Optional(
            relativePath("The file's path in the volume; <fileId>/<its name in Girder> when absent."),
          ),
        },
        {
          description:
            'Downloads a file of Girder into a volume, and becomes the path at which the target sees it.',
        },
      ),
    ),
    volumePath: Type.Optional(
      Type.Object(
        { filename: relativePath('A path in the volume.'), volume: volumeReference() },
        {
          description:
            'Becomes the path at which the target sees a file of a volume, mostly one that it writes.',
        },
      ),
    ),
  },
  exactlyOneOf(['girderFileIdToVolume', 'volumePath']),
);

const girderResultHook = Type.Object(
  {
    girderUploadVolumePathToItem: Type.Optional(
      Type.Object(
        {
          volumePath: Type.String({
            description: 'The name of the volumePath transform whose file is uploaded.',
            minLength: 1,
            maxLength: 63,
          }),
          itemId: girderId('the item that gets the file; a file of the same name in it is replaced'),
        },
        { description: 'Uploads a file that the target wrote into an item of Girder.' },
      ),
    ),
  },
  exactlyOneOf(['girderUploadVolumePathToItem']),
);

const girder = Type.Object(
  {
    apiUrl: Type.String({
      description:
        "The address of Girder's REST API, as nodes reach it, for example https://data.example.org/api/v1.",
      pattern: '^https?://',
      maxLength: 1024,
    }),
    credentialsSecretRef: Type.Object(
      { name: Type.String({ description: 'The name of the Secret.', minLength: 1, maxLength: 253 }) },
      {
        description:
          'A Secret in the namespace of the run with the key apiKey (an API key of Girder) or token.',
      },
    ),
  },
  { description: 'The Girder that inputs come from and results go to.' },
);

const seconds = (description: string, options: { minimum: number; default?: number }) =>
  Type.Integer({ description, maximum: 31_536_000, ...options });

/** What a user asks for. Field texts are those of `kubectl explain`. */
export const dockerRunSpec = Type.Object(
  {
    image: Type.String({ description: 'The image of the target.', minLength: 1, maxLength: 1024 }),
    imagePullPolicy: Type.Optional(
      word(['Always', 'IfNotPresent', 'Never'], {
        description:
          'When the node pulls the image. When absent: Always for the tag latest or no tag, else IfNotPresent, as for a pod.',
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
    env: Type.Optional(
      namedList(environmentVariable, { description: "The target's environment variables.", maxItems: 256 }),
    ),
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
        description: 'What is uploaded, in this order, when the target ended with exit code 0.',
        maxItems: 256,
      }),
    ),
    girder: Type.Optional(girder),
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
    nodeSelector: Type.Optional(
      mapOf(Type.String({ maxLength: 63 }), {
        description: "Labels that the run's node must have.",
        maxProperties: 64,
      }),
    ),
  },
  {
    description: 'What to run.',
    ...rules({
      rule: 'has(self.girder) || ((!has(self.transforms) || !self.transforms.exists(t, has(t.girderFileIdToVolume))) && (!has(self.girderResultHooks) || size(self.girderResultHooks) == 0))',
      message: 'girder is required when a transform or hook uses Girder',
    }),
  },
);

export type DockerRunSpec = Type.Static<typeof dockerRunSpec>;
export type Volume = Type.Static<typeof volume>;
export type Transform = Type.Static<typeof transform>;
export type GirderResultHook = Type.Static<typeof girderResultHook>;
export type EnvironmentVariable = Type.Static<typeof environmentVariable>;
