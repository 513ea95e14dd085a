import { Type } from 'typebox';
import { absolutePath, configMapName, referenceName, relativeFile, secretName } from './fields.ts';
import { exactlyOneOf, quantity, rules, enumOf } from './keywords.ts';
import { namedTemporaryVolumePath } from './names.ts';

const mountMode = () =>
  enumOf(mountModes, {
    description:
      'Whether the target may write to the directory (rw) or only read it (ro). With SELinux, z or Z lets the engine relabel the directory for all containers or for this one alone, for which the DockerRunPolicy must allow writing.',
    default: 'rw',
  });

const mountModes = ['rw', 'ro', 'rw,z', 'rw,Z', 'ro,z', 'ro,Z'] as const;

/** What a mode of docker-py stands for. `relabel` changes the directory itself. */
export function mountModeOf(mode: (typeof mountModes)[number]): {
  readonly readOnly: boolean;
  readonly relabel?: 'z' | 'Z';
} {
  const readOnly = mode.startsWith('ro');
  if (mode.endsWith('z')) return { readOnly, relabel: 'z' };
  return mode.endsWith('Z') ? { readOnly, relabel: 'Z' } : { readOnly };
}

const bindMount = Type.Object(
  {
    hostPath: absolutePath('A directory or file of the node. The DockerRunPolicy must allow it.'),
    containerPath: absolutePath('The path in the target.'),
    mode: mountMode(),
  },
  { description: 'A directory or file of the node, as the BindMountVolume of Girder Worker.' },
);

const temporary = Type.Object(
  {
    hostDir: Type.Optional(
      absolutePath(
        'A directory of the node, on whose file system the volume is created. It is created if it does not exist. The DockerRunPolicy must allow it. When absent, the volume is an emptyDir.',
      ),
    ),
    containerPath: Type.Optional(
      absolutePath('The path in the target. Defaults to /mnt/girder_worker/volumes/<name>.'),
    ),
    sizeLimit: Type.Optional(
      quantity({
        description:
          'The most that the volume may hold. The kubelet evicts the pod of a run that exceeds it.',
      }),
    ),
  },
  {
    description: 'An empty directory that is deleted after the run, as the TemporaryVolume of Girder Worker.',
    ...rules({
      rule: '!(has(self.hostDir) && has(self.sizeLimit))',
      message: 'set hostDir or sizeLimit, not both: sizeLimit requires an emptyDir',
    }),
  },
);

const persistentVolumeClaim = Type.Object(
  {
    claimName: Type.String({
      description: 'The name of the claim, in the namespace of the run.',
      minLength: 1,
      maxLength: 253,
    }),
    containerPath: absolutePath('The path in the target.'),
    readOnly: Type.Boolean({ description: 'Whether the volume is mounted read-only.', default: false }),
  },
  { description: 'A PersistentVolumeClaim in the namespace of the run.' },
);

const namedVolume = Type.Object(
  {
    volumeName: Type.String({
      description: 'The name of the volume, as docker volume ls shows it. The DockerRunPolicy must allow it.',
      pattern: '^[a-zA-Z0-9][a-zA-Z0-9_.-]+$',
      maxLength: 128,
    }),
    containerPath: absolutePath('The path in the target.'),
    readOnly: Type.Boolean({ description: 'Whether the volume is mounted read-only.', default: false }),
    create: Type.Boolean({
      description:
        'Whether the volume is created if the node does not have it. It stays there until somebody removes it with docker volume rm. Without create, the run fails with NamedVolumeNotFound.',
      default: false,
    }),
  },
  {
    description:
      'A named volume of the Docker Engine on the node: each node has its own. Its driver must be local, without options. Only the target sees it: transforms and hooks cannot use it, except for a volumePath.',
    ...rules({
      rule: '!(self.create && self.readOnly)',
      message: 'set create or readOnly, not both: a volume that was just created is empty',
    }),
  },
);

/** As in a volume of a pod: the API server would refuse a Job with other keys and paths. */
const items = (of: string) =>
  Type.Optional(
    Type.Array(
      Type.Object({
        key: Type.String({
          description: `The key in the ${of}.`,
          pattern: '^[-._a-zA-Z0-9]+$',
          maxLength: 253,
        }),
        path: relativeFile('The path of its file, relative to containerPath.'),
      }),
      {
        description: `The keys that become files. Defaults to all keys of the ${of}.`,
        minItems: 1,
        maxItems: 64,
      },
    ),
  );

const secret = Type.Object(
  {
    secretName: secretName(),
    containerPath: absolutePath('The path of the directory in the target.'),
    items: items('Secret'),
  },
  { description: 'The keys of a Secret as files, which any user of the target can read.' },
);

const configMap = Type.Object(
  {
    name: configMapName(),
    containerPath: absolutePath('The path of the directory in the target.'),
    items: items('ConfigMap'),
  },
  { description: 'The keys of a ConfigMap as files.' },
);

export const volumeKinds = {
  bindMount,
  temporary,
  persistentVolumeClaim,
  namedVolume,
  secret,
  configMap,
} as const;

export const volume = Type.Object(
  {
    name: referenceName('The name of the volume'),
    bindMount: Type.Optional(bindMount),
    temporary: Type.Optional(temporary),
    persistentVolumeClaim: Type.Optional(persistentVolumeClaim),
    namedVolume: Type.Optional(namedVolume),
    secret: Type.Optional(secret),
    configMap: Type.Optional(configMap),
  },
  exactlyOneOf(Object.keys(volumeKinds)),
);

export const dockerVolume = Type.Object({
  bind: absolutePath('The path in the target.'),
  mode: mountMode(),
});

export type Volume = Type.Static<typeof volume>;

/** The path of a volume in the target. */
export function containerPathOfVolume(volume: Volume): string {
  const { name, bindMount, temporary, persistentVolumeClaim: claim } = volume;
  const given = bindMount ?? temporary ?? claim ?? volume.namedVolume ?? volume.secret ?? volume.configMap;
  return given?.containerPath ?? namedTemporaryVolumePath(name);
}

/** Whether only the kubelet writes to it. */
export function isKeyVolume(volume: Volume): boolean {
  return volume.secret !== undefined || volume.configMap !== undefined;
}
