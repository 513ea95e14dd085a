import { Type } from 'typebox';
import { absolutePath, referenceName } from './fields.ts';
import { exactlyOneOf, quantity, rules, enumOf } from './keywords.ts';

const mountMode = () =>
  enumOf(['rw', 'ro'], {
    description: 'Whether the target may write to it (rw) or not (ro).',
    default: 'rw',
  });

const bindMount = Type.Object(
  {
    hostPath: absolutePath("A directory of the node, which the operator's policy must allow."),
    containerPath: absolutePath('Where the target sees it.'),
    mode: mountMode(),
  },
  { description: "Girder Worker's BindMountVolume: a directory of the node." },
);

const temporary = Type.Object(
  {
    hostDir: Type.Optional(
      absolutePath(
        "A directory of the node in which the volume is made, and which is made when it is missing; the operator's policy must allow it. When absent the kubelet keeps the volume, as an emptyDir.",
      ),
    ),
    sizeLimit: Type.Optional(
      quantity({
        description: 'How much may be in it: the kubelet evicts a run that keeps more there.',
      }),
    ),
  },
  {
    description:
      "Girder Worker's TemporaryVolume: an empty directory that is deleted with the run. The target sees it at /mnt/girder_worker/volumes/<name>.",
    ...rules({
      rule: '!(has(self.hostDir) && has(self.sizeLimit))',
      message: 'sizeLimit needs a volume that the kubelet keeps, so hostDir cannot be set with it',
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
    containerPath: absolutePath('Where the target sees it.'),
    readOnly: Type.Boolean({ description: 'Whether the target may only read it.', default: false }),
  },
  { description: 'A PersistentVolumeClaim of the namespace.' },
);

/** The members of the union; exactly one is set. */
export const volumeKinds = { bindMount, temporary, persistentVolumeClaim } as const;

/** A directory that the target sees. */
export const volume = Type.Object(
  {
    name: referenceName('The name of the volume'),
    bindMount: Type.Optional(bindMount),
    temporary: Type.Optional(temporary),
    persistentVolumeClaim: Type.Optional(persistentVolumeClaim),
  },
  exactlyOneOf(Object.keys(volumeKinds)),
);

/** A value of docker-py's volumes dictionary. */
export const dockerVolume = Type.Object({
  bind: absolutePath('Where the target sees it.'),
  mode: mountMode(),
});

export type Volume = Type.Static<typeof volume>;
