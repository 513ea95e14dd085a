import { Type } from 'typebox';
import { anyObject } from './fields.ts';
import { mapOf, rules, enumOf } from './keywords.ts';

/** Fields of the run's pod that the scheduler, and others who look at pods, read. Names and meaning are a pod's. */

const dnsSubdomain = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';

export const priorityClassName = () =>
  Type.String({
    description: "The PriorityClass of the run's pod.",
    pattern: dnsSubdomain,
    maxLength: 253,
  });

export const schedulerName = () =>
  Type.String({
    description: "The scheduler that gives the run's pod a node; the cluster's default one when absent.",
    minLength: 1,
    maxLength: 253,
  });

const toleration = Type.Object(
  {
    key: Type.Optional(
      Type.String({ description: 'The key of the taint; every taint when absent.', maxLength: 317 }),
    ),
    operator: Type.Optional(
      enumOf(['Exists', 'Equal'], { description: 'How value is compared; Equal when absent.' }),
    ),
    value: Type.Optional(Type.String({ description: 'The value of the taint.', maxLength: 63 })),
    effect: Type.Optional(
      enumOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], {
        description: 'The effect of the taint; every effect when absent.',
      }),
    ),
    tolerationSeconds: Type.Optional(
      Type.Integer({
        description: 'How long a taint with the effect NoExecute is tolerated; for ever when absent.',
      }),
    ),
  },
  rules(
    {
      rule: "has(self.key) && self.key != '' || (has(self.operator) && self.operator == 'Exists')",
      message: 'a toleration without a key needs the operator Exists',
    },
    {
      rule: "!(has(self.operator) && self.operator == 'Exists' && has(self.value) && self.value != '')",
      message: 'the operator Exists takes no value',
    },
    {
      rule: "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
      message: 'tolerationSeconds is for the effect NoExecute',
    },
  ),
);

export const tolerations = () =>
  Type.Array(toleration, {
    description: "Taints of nodes that keep the run's pod away no more, as of a pod.",
    maxItems: 64,
    'x-kubernetes-list-type': 'atomic',
  });

/** Its schema would be longer than all the rest, and the API server checks it with the Job. */
export const affinity = () =>
  anyObject(
    "Which nodes the run's pod wants or avoids: nodeAffinity, podAffinity and podAntiAffinity, as of a pod.",
  );

/** Keys that say what a pod is to Kubernetes and to this operator. */
const ownKeys =
  "!key.matches('^(.*[.])?(dockerrun[.]dev|kubernetes[.]io|k8s[.]io)/.*$') && !(key in ['job-name', 'controller-uid'])";

/**
 * Keys of labels and annotations (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/). Of an
 * annotation Kubernetes takes capitals before the / too.
 */
const wellFormedKeys = (alphanumeric: '[a-z0-9]' | '[A-Za-z0-9]') => {
  const part = `${alphanumeric}([-${alphanumeric.slice(1)}*${alphanumeric})?`;
  const key = `^(${part}([.]${part})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`;
  return {
    rule: `self.all(key, key.matches('${key}') && key.indexOf('/') <= 253)`,
    message:
      'a key is a name of letters, digits, -, _ and . with 63 characters at most, and may have a domain and / before it',
  };
};

const labelValue = () =>
  Type.String({ pattern: '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$', maxLength: 63 });

export const nodeSelector = () =>
  mapOf(labelValue(), {
    description: "Labels that the run's node must have.",
    maxProperties: 64,
    ...rules(wellFormedKeys('[a-z0-9]')),
  });

const keysAndValues = (
  what: string,
  value: ReturnType<typeof labelValue>,
  alphanumeric: Parameters<typeof wellFormedKeys>[0],
) =>
  mapOf(value, {
    description: `${what} of the run's pod, besides those of the operator.`,
    maxProperties: 64,
    ...rules(wellFormedKeys(alphanumeric), {
      rule: `self.all(key, ${ownKeys})`,
      message: 'keys of Kubernetes (kubernetes.io, k8s.io, job-name…) and of dockerrun.dev cannot be set',
    }),
  });

export const podMetadata = () =>
  Type.Object(
    {
      labels: Type.Optional(keysAndValues('Labels', labelValue(), '[a-z0-9]')),
      annotations: Type.Optional(
        keysAndValues('Annotations', Type.String({ maxLength: 32_768 }), '[A-Za-z0-9]'),
      ),
    },
    {
      description:
        "Labels and annotations of the run's pod. Labels of kueue.x-k8s.io on the DockerRun itself go to its Job.",
    },
  );
