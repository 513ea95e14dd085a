import { Type } from 'typebox';

/**
 * Builders for the keywords of structural schemas, where TypeBox's own would write something else
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
 */

/** A CEL rule that the API server checks; `kubectl apply` prints `message` when `rule` is false. */
export type CelRule = { readonly rule: string; readonly message: string };

export function rules(...all: CelRule[]): { 'x-kubernetes-validations': CelRule[] } {
  return { 'x-kubernetes-validations': all };
}

export function enumOf<const Word extends string>(
  words: readonly Word[],
  options: { description: string; default?: NoInfer<Word> },
) {
  return Type.Unsafe<Word>({ type: 'string', enum: [...words], ...options });
}

/** In characters. The longest keys that an honest map has are labels (317) and host paths (1024). */
const longestKey = 1024;

/** A structural schema has no keyword for the length of keys, hence the rule. */
export function mapOf<Value extends Type.TSchema>(
  value: Value,
  {
    'x-kubernetes-validations': more = [],
    ...options
  }: { description: string; maxProperties: number; 'x-kubernetes-validations'?: CelRule[] },
) {
  const rule = `self.all(key, size(key) <= ${longestKey})`;
  return Type.Unsafe<Record<string, Type.Static<Value>>>({
    type: 'object',
    additionalProperties: value,
    ...options,
    ...rules({ rule, message: `a key has at most ${longestKey} characters` }, ...more),
  });
}

/**
 * A Kubernetes quantity: `500m`, `4Gi`, `2`
 * (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/).
 */
export function quantity(options: { description?: string } = {}) {
  return Type.Unsafe<string | number>({
    ...options,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    pattern: '^([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[mkMGTPE]|[eE][+-]?[0-9]+)?$',
    maxLength: 64,
    'x-kubernetes-int-or-string': true,
  });
}

/** A list with the key `name`: names are unique, and server-side apply merges elements of the same name. */
export function namedList<Element extends Type.TSchema>(
  element: Element,
  options: { description: string; maxItems: number },
) {
  return Type.Array(element, {
    ...options,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
  });
}

/** Requires exactly one of `members`; other fields of the object are not affected. */
export function exactlyOneOf(members: readonly string[]): { 'x-kubernetes-validations': CelRule[] } {
  const present = members.map((member) => `has(self.${member})`).join(', ');
  return rules({
    rule: `[${present}].exists_one(x, x)`,
    message: `set exactly one of ${members.join(', ')}`,
  });
}
