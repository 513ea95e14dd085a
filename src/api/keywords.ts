import { Type } from 'typebox';

/**
 * The subset of JSON Schema that a structural schema of Kubernetes knows
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema),
 * where TypeBox's own builders would write something else.
 */

/** A CEL rule of the API server: `rule` must be true, or `message` is what `kubectl apply` prints. */
export type CelRule = { readonly rule: string; readonly message: string };

/** Adds CEL rules to a schema. */
export function rules(...all: CelRule[]): { 'x-kubernetes-validations': CelRule[] } {
  return { 'x-kubernetes-validations': all };
}

/** One of some words. */
export function enumOf<const Word extends string>(
  words: readonly Word[],
  options: { description: string; default?: NoInfer<Word> },
) {
  return Type.Unsafe<Word>({ type: 'string', enum: [...words], ...options });
}

/** A map from any string to `value`. */
export function mapOf<Value extends Type.TSchema>(
  value: Value,
  options: { description: string; maxProperties: number; 'x-kubernetes-validations'?: CelRule[] },
) {
  return Type.Unsafe<Record<string, Type.Static<Value>>>({
    type: 'object',
    additionalProperties: value,
    ...options,
  });
}

/** A Kubernetes quantity (`500m`, `4Gi`, `2`), https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/. */
export function quantity(options: { description?: string } = {}) {
  return Type.Unsafe<string | number>({
    ...options,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    pattern: '^([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[mkMGTPE]|[eE][+-]?[0-9]+)?$',
    maxLength: 64,
    'x-kubernetes-int-or-string': true,
  });
}

/** A list whose elements are known by their `name`, so that a name stands in it once and server-side apply merges. */
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

/** An object of which exactly one of `members` is set, besides its other fields. */
export function exactlyOneOf(members: readonly string[]): { 'x-kubernetes-validations': CelRule[] } {
  const present = members.map((member) => `has(self.${member})`).join(', ');
  return rules({
    rule: `[${present}].exists_one(x, x)`,
    message: `set exactly one of ${members.join(', ')}`,
  });
}
