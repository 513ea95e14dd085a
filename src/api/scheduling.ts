import { Type } from 'typebox';
import { anyObject } from './fields.ts';
import { mapOf, rules, enumOf } from './keywords.ts';

/** Fields of the run's pod for schedulers and other controllers. Names and meaning are those of a pod. */

const dnsSubdomain = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';

export const priorityClassName = () =>
  Type.String({
    description: "The name of the PriorityClass of the run's pod.",
    pattern: dnsSubdomain,
    maxLength: 253,
  });

export const schedulerName = () =>
  Type.String({
    description: "The scheduler of the run's pod. Defaults to the default scheduler of the cluster.",
    minLength: 1,
    maxLength: 253,
  });

const toleration = Type.Object(
  {
    key: Type.Optional(
      Type.String({ description: 'The key of the taint. When absent, every taint matches.', maxLength: 317 }),
    ),
    operator: Type.Optional(
      enumOf(['Exists', 'Equal'], { description: 'How the value is compared. Defaults to Equal.' }),
    ),
    value: Type.Optional(Type.String({ description: 'The value of the taint.', maxLength: 63 })),
    effect: Type.Optional(
      enumOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], {
        description: 'The effect of the taint. When absent, every effect matches.',
      }),
    ),
    tolerationSeconds: Type.Optional(
      Type.Integer({
        description:
          'How many seconds a taint with the effect NoExecute is tolerated. When absent, it is tolerated forever.',
      }),
    ),
  },
  rules(
    {
      rule: "has(self.key) && self.key != '' || (has(self.operator) && self.operator == 'Exists')",
      message: 'a toleration without a key requires the operator Exists',
    },
    {
      rule: "!(has(self.operator) && self.operator == 'Exists' && has(self.value) && self.value != '')",
      message: 'the operator Exists does not allow a value',
    },
    {
      rule: "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
      message: 'tolerationSeconds requires the effect NoExecute',
    },
  ),
);

export const tolerations = () =>
  Type.Array(toleration, {
    description: "The tolerations of the run's pod, as for a pod.",
    maxItems: 64,
    'x-kubernetes-list-type': 'atomic',
  });

/** Not in the schema, because it would be longer than all the rest; the API server checks it in the Job. */
export const affinity = () =>
  anyObject("The affinity of the run's pod: nodeAffinity, podAffinity and podAntiAffinity, as for a pod.");

/** CEL: false for keys by which Kubernetes or this operator identifies a pod. */
const isUserKey =
  "!key.matches('^(.*[.])?(dockerrun[.]dev|kubernetes[.]io|k8s[.]io)/.*$') && !(key in ['job-name', 'controller-uid'])";

/**
 * Keys of labels and annotations (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/).
 * Only an annotation may have capital letters before the slash.
 */
const wellFormedKeys = (alphanumeric: '[a-z0-9]' | '[A-Za-z0-9]') => {
  const part = `${alphanumeric}([-${alphanumeric.slice(1)}*${alphanumeric})?`;
  const key = `^(${part}([.]${part})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`;
  return {
    rule: `self.all(key, key.matches('${key}') && key.indexOf('/') <= 253)`,
    message:
      'a key is a name of letters, digits, -, _ and . with at most 63 characters, after an optional domain and slash',
  };
};

const labelValue = () =>
  Type.String({ pattern: '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$', maxLength: 63 });

export const nodeSelector = () =>
  mapOf(labelValue(), {
    description: 'Labels that the node of the run must have.',
    maxProperties: 64,
    ...rules(wellFormedKeys('[a-z0-9]')),
  });

const keysAndValues = (
  what: string,
  value: ReturnType<typeof labelValue>,
  alphanumeric: Parameters<typeof wellFormedKeys>[0],
) =>
  mapOf(value, {
    description: `${what} of the run's pod, in addition to those of the operator.`,
    maxProperties: 64,
    ...rules(wellFormedKeys(alphanumeric), {
      rule: `self.all(key, ${isUserKey})`,
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
        "Labels and annotations of the run's pod. Labels of kueue.x-k8s.io on the DockerRun itself are copied to its Job.",
    },
  );
