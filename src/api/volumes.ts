import { Type } from 'typebox';
import { absolutePath, referenceName } from './fields.ts';
import { exactlyOneOf, quantity, rules, enumOf } from './keywords.ts';

const mountMode = () =>
  enumOf(['rw', 'ro'], {
    description: 'Whether the target may write to the directory (rw) or only read it (ro).',
    default: 'rw',
  });

const bindMount = Type.Object(
  {
    hostPath: absolutePath('A directory of the node. The DockerRunPolicy must allow it.'),
    containerPath: absolutePath('The path in the target.'),
    mode: mountMode(),
  },
  { description: 'A directory of the node, as the BindMountVolume of Girder Worker.' },
);

const temporary = Type.Object(
  {
    hostDir: Type.Optional(
      absolutePath(
        'A directory of the node, on whose file system the volume is created. It is created if it does not exist. The DockerRunPolicy must allow it. When absent, the volume is an emptyDir.',
      ),
    ),
    sizeLimit: Type.Optional(
      quantity({
        description:
          'The most that the volume may hold. The kubelet evicts the pod of a run that exceeds it.',
      }),
    ),
  },
  {
    description:
      'An empty directory that is deleted after the run, as the TemporaryVolume of Girder Worker. It is mounted at /mnt/girder_worker/volumes/<name> in the target.',
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

export const volumeKinds = { bindMount, temporary, persistentVolumeClaim } as const;

export const volume = Type.Object(
  {
    name: referenceName('The name of the volume'),
    bindMount: Type.Optional(bindMount),
    temporary: Type.Optional(temporary),
    persistentVolumeClaim: Type.Optional(persistentVolumeClaim),
  },
  exactlyOneOf(Object.keys(volumeKinds)),
);

export const dockerVolume = Type.Object({
  bind: absolutePath('The path in the target.'),
  mode: mountMode(),
});

export type Volume = Type.Static<typeof volume>;
