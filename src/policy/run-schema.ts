import { Type } from 'typebox';
import { enumOf, mapOf, quantity } from '../api/keywords.ts';
import { seconds } from '../api/fields.ts';

/** The parts of a policy that concern a run as a whole: its pod, its bounds and its defaults. */

const maxListed = 32;

const keyPattern = (what: string) =>
  Type.String({
    description: `${what}, in which * matches anything without a slash and ** matches anything.`,
    minLength: 1,
    maxLength: 317,
  });

const names = (description: string, maxLength: number) =>
  Type.Array(Type.String({ minLength: 1, maxLength }), { description, maxItems: maxListed });

const allowedKeys = (what: string) =>
  Type.Array(
    Type.Object({
      key: keyPattern(`The key of the ${what}`),
      values: Type.Optional(names('The allowed values. When absent, all values are allowed.', 1024)),
    }),
    {
      description: `The ${what}s that runs may set on their pod. None are allowed unless they are listed.`,
      maxItems: maxListed,
    },
  );

const podMetadata = Type.Object(
  { labels: Type.Optional(allowedKeys('label')), annotations: Type.Optional(allowedKeys('annotation')) },
  {
    description:
      'The keys of podMetadata that runs may set. Other controllers and webhooks act on labels and annotations: they can add containers to the pod, beside the Docker socket.',
  },
);

const toleration = Type.Object({
  key: keyPattern('The key of the taint'),
  effects: Type.Optional(
    Type.Array(enumOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], { description: 'An effect.' }), {
      description: 'The effects that may be tolerated. When absent, all of them.',
      maxItems: 3,
    }),
  ),
});

const portRange = Type.Object({
  first: Type.Integer({ description: 'The first port of the node.', minimum: 1, maximum: 65_535 }),
  last: Type.Optional(
    Type.Integer({ description: 'The last port. Defaults to the first.', minimum: 1, maximum: 65_535 }),
  ),
});

const resources = (description: string) => mapOf(quantity(), { description, maxProperties: 16 });

const maximums = Type.Object(
  {
    activeDeadlineSeconds: Type.Optional(
      seconds('The highest activeDeadlineSeconds, which a run that sets none gets.', { minimum: 1 }),
    ),
    startDeadlineSeconds: Type.Optional(
      seconds(
        'The highest startDeadlineSeconds, which a run that sets none gets if it is lower than the default.',
        {
          minimum: 1,
        },
      ),
    ),
    uploadDeadlineSeconds: Type.Optional(
      seconds(
        'The highest uploadDeadlineSeconds, which a run that sets none gets if it is lower than the default.',
        {
          minimum: 1,
        },
      ),
    ),
    ttlSecondsAfterFinished: Type.Optional(
      seconds('The highest ttlSecondsAfterFinished, which a run that sets none gets.', { minimum: 0 }),
    ),
    terminationGracePeriodSeconds: Type.Optional(
      seconds(
        'The highest terminationGracePeriodSeconds, which a run that sets none gets if it is lower than the default.',
        { minimum: 0 },
      ),
    ),
    backoffLimit: Type.Optional(
      Type.Integer({ description: 'The highest backoffLimit.', minimum: 0, maximum: 100 }),
    ),
    disruptionLimit: Type.Optional(
      Type.Integer({
        description:
          'The highest disruptionLimit, which a run that sets none gets if it is lower than the default.',
        minimum: 0,
        maximum: 1000,
      }),
    ),
    resources: Type.Optional(
      resources(
        'The highest request and limit of each resource. A run without a limit for cpu, memory or ephemeral-storage gets this one.',
      ),
    ),
  },
  { description: 'Bounds, as max of a LimitRange. A run that sets a higher value is refused.' },
);

const runDefaults = Type.Object(
  {
    activeDeadlineSeconds: Type.Optional(
      seconds('The activeDeadlineSeconds of a run that sets none.', { minimum: 1 }),
    ),
    ttlSecondsAfterFinished: Type.Optional(
      seconds('The ttlSecondsAfterFinished of a run that sets none.', { minimum: 0 }),
    ),
    resources: Type.Optional(
      Type.Object(
        {
          requests: Type.Optional(resources('The requests that a run gets for what it does not set.')),
          limits: Type.Optional(resources('The limits that a run gets for what it does not set.')),
        },
        { description: 'The resources of a run that does not set them.' },
      ),
    ),
  },
  { description: 'What a run gets that does not set it, as default of a LimitRange.' },
);

export const runAllowances = {
  podMetadata: Type.Optional(podMetadata),
  priorityClassNames: Type.Optional(
    names(
      'When set, runs may name only these PriorityClasses. When absent, all but those that begin with system-.',
      253,
    ),
  ),
  schedulerNames: Type.Optional(names('When set, runs may name only these schedulers.', 253)),
  tolerations: Type.Optional(
    Type.Array(toleration, {
      description:
        'When set, runs may tolerate only these taints. When absent, all but those of Kubernetes itself (kubernetes.io); not-ready and unreachable are always allowed. To tolerate every taint, an entry with the key ** is necessary.',
      maxItems: maxListed,
    }),
  ),
  hostPorts: Type.Optional(
    Type.Array(portRange, {
      description:
        'When set, the ports that docker.ports may open on the node. The engine chooses among free ports where a run names none.',
      maxItems: maxListed,
    }),
  ),
  keptContainers: Type.Optional(
    Type.Boolean({
      description:
        "Whether runs may set removeContainer: false, which leaves the target's container on the node until somebody removes it.",
    }),
  ),
  max: Type.Optional(maximums),
  runDefaults: Type.Optional(runDefaults),
};
