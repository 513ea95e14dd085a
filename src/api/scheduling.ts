import { Type } from 'typebox';
import { type CelRule, mapOf, rules, enumOf } from './keywords.ts';

/** Fields of the run's pod for schedulers and other controllers. Names and meaning are those of a pod. */

/** A name of at most 63 characters, after an optional domain of at most 253 and a slash. */
const longestLabelKey = 317;

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
      Type.String({
        description: 'The key of the taint. When absent, every taint matches.',
        maxLength: longestLabelKey,
      }),
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
        minimum: Number.MIN_SAFE_INTEGER,
        maximum: Number.MAX_SAFE_INTEGER,
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

const labelValue = () =>
  Type.String({ pattern: '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$', maxLength: 63 });

/** How many entries a list of an affinity may have. Kubernetes has no bound; a scheduler compares each with all. */
export const maxTerms = 32;

const labelKey = (description: string) =>
  Type.String({ description, minLength: 1, maxLength: longestLabelKey });

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** What Kubernetes checks of an operator and its values, so that a wrong one is refused before the run has a Job. */
const valuesFitOperator = rules(
  {
    rule: "!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)",
    message: 'the operators In and NotIn require values',
  },
  {
    rule: "!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || size(self.values) == 0",
    message: 'the operators Exists and DoesNotExist do not allow values',
  },
);

const numberFitsOperator = {
  rule: "!(self.operator in ['Gt', 'Lt']) || (has(self.values) && size(self.values) == 1)",
  message: 'the operators Gt and Lt require one value, an integer',
};

const requirement = <const Operator extends string>(
  key: string,
  allowed: readonly Operator[],
  { longestValue, more = [] }: { longestValue: number; more?: CelRule[] },
) =>
  Type.Object(
    {
      key: labelKey(key),
      operator: enumOf(allowed, { description: 'How the value is compared with values.' }),
      values: Type.Optional(
        Type.Array(Type.String({ maxLength: longestValue }), {
          description: 'The values. Empty for Exists and DoesNotExist.',
          maxItems: 64,
        }),
      ),
    },
    rules(...valuesFitOperator['x-kubernetes-validations'], ...more),
  );

const nodeSelectorTerm = {
  matchExpressions: Type.Optional(
    Type.Array(
      requirement('The key of a label of the node.', [...operators, 'Gt', 'Lt'], {
        longestValue: 63,
        more: [numberFitsOperator],
      }),
      { description: 'Requirements of the labels of the node.', maxItems: maxTerms },
    ),
  ),
  matchFields: Type.Optional(
    Type.Array(
      requirement('A field of the node: metadata.name.', ['In', 'NotIn'], {
        longestValue: 253,
        more: [
          {
            rule: "self.key == 'metadata.name' && has(self.values) && size(self.values) == 1",
            message: 'matchFields can only compare metadata.name, with one value',
          },
        ],
      }),
      { description: 'Requirements of the fields of the node.', maxItems: maxTerms },
    ),
  ),
};

const labelSelector = (description: string) =>
  Type.Object(
    {
      matchLabels: Type.Optional(
        mapOf(labelValue(), { description: 'Labels that must have these values.', maxProperties: maxTerms }),
      ),
      matchExpressions: Type.Optional(
        Type.Array(requirement('The key of a label.', operators, { longestValue: 63 }), {
          description: 'Requirements of labels.',
          maxItems: maxTerms,
        }),
      ),
    },
    { description },
  );

const labelKeys = (description: string) =>
  Type.Array(labelKey('The key of a label.'), { description, maxItems: maxTerms });

const podAffinityTerm = (description: string) =>
  Type.Object(
    {
      labelSelector: Type.Optional(labelSelector('Which pods.')),
      matchLabelKeys: Type.Optional(
        labelKeys("Labels whose values of the run's pod the other pods must have, too."),
      ),
      mismatchLabelKeys: Type.Optional(
        labelKeys("Labels whose values of the run's pod the other pods must not have."),
      ),
      namespaces: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 63 }), {
          description: 'The namespaces of the pods. Defaults to the namespace of the run.',
          maxItems: 64,
        }),
      ),
      namespaceSelector: Type.Optional(
        labelSelector('The namespaces of the pods, by their labels; empty for all.'),
      ),
      topologyKey: labelKey('The label of nodes that is the same for the nodes of one place.'),
    },
    {
      description,
      ...rules({
        rule: '!(has(self.matchLabelKeys) || has(self.mismatchLabelKeys)) || has(self.labelSelector)',
        message: 'matchLabelKeys and mismatchLabelKeys require a labelSelector',
      }),
    },
  );

const weight = () =>
  Type.Integer({ description: 'How much it counts, from 1 to 100.', minimum: 1, maximum: 100 });

const nodeAffinity = Type.Object(
  {
    requiredDuringSchedulingIgnoredDuringExecution: Type.Optional(
      Type.Object(
        {
          nodeSelectorTerms: Type.Array(Type.Object(nodeSelectorTerm), {
            description: 'Terms of which the node must match one.',
            minItems: 1,
            maxItems: maxTerms,
          }),
        },
        { description: 'What the node must match.' },
      ),
    ),
    preferredDuringSchedulingIgnoredDuringExecution: Type.Optional(
      Type.Array(
        Type.Object({
          weight: weight(),
          preference: Type.Object(nodeSelectorTerm, { description: 'What the node should match.' }),
        }),
        { description: 'What the node should match, if one does.', maxItems: maxTerms },
      ),
    ),
  },
  { description: 'Which nodes the pod may run on, by their labels.' },
);

const podAffinity = (description: string) =>
  Type.Object(
    {
      requiredDuringSchedulingIgnoredDuringExecution: Type.Optional(
        Type.Array(podAffinityTerm('Some pods and a kind of place.'), {
          description: 'What must hold.',
          maxItems: maxTerms,
        }),
      ),
      preferredDuringSchedulingIgnoredDuringExecution: Type.Optional(
        Type.Array(
          Type.Object({
            weight: weight(),
            podAffinityTerm: podAffinityTerm('Some pods and a kind of place.'),
          }),
          { description: 'What should hold, if it can.', maxItems: maxTerms },
        ),
      ),
    },
    { description },
  );

/** https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#affinity-and-anti-affinity */
export const affinity = () =>
  Type.Object(
    {
      nodeAffinity: Type.Optional(nodeAffinity),
      podAffinity: Type.Optional(podAffinity('Which pods the pod must or should be close to.')),
      podAntiAffinity: Type.Optional(podAffinity('Which pods the pod must or should be away from.')),
    },
    {
      description:
        "The affinity of the run's pod: nodeAffinity, podAffinity and podAntiAffinity, as for a pod.",
    },
  );

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
