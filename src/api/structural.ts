import type { CelRule } from './keywords.ts';

/**
 * Does what the API server does before it stores a manifest, for runs without a cluster: it sets defaults and
 * rejects unknown fields and duplicate keys of lists
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting).
 */

/** The keywords that this module uses; TypeBox checks the others. */
export type StructuralSchema = {
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly items?: StructuralSchema;
  readonly additionalProperties?: StructuralSchema;
  readonly default?: unknown;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly CelRule[];
};

/** A value with its schema, which is undefined for an unknown field. */
export type Part = {
  readonly schema: StructuralSchema | undefined;
  readonly value: unknown;
  readonly path: string;
};

type Fields = Record<string, unknown>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Looks only at own properties, so that a field named `toString` is unknown. */
function fieldSchema(schema: StructuralSchema, name: string): StructuralSchema | undefined {
  const { properties = {}, additionalProperties } = schema;
  return Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
}

/** The fields or elements of a value, each with its schema and its path as the API server writes it. */
export function partsOf({ schema = {}, value, path }: Part): Part[] {
  if (Array.isArray(value)) {
    return value.map((element: unknown, index) => ({
      schema: schema.items,
      value: element,
      path: `${path}[${index}]`,
    }));
  }
  if (!isObject(value)) return [];
  return Object.entries(value).map(([name, field]) => ({
    schema: fieldSchema(schema, name),
    value: field,
    path: /^[A-Za-z_]\w*$/.test(name) ? `${path}.${name}` : `${path}[${name}]`,
  }));
}

/**
 * Returns a copy with the defaults of absent fields. Like the API server, it does not create absent objects
 * to set defaults in them, and it treats null as absent.
 */
export function applyDefaults(schema: StructuralSchema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((element: unknown) => applyDefaults(items, element));
  }
  if (!isObject(value) || keepsUnknown(schema)) return value;
  const given = Object.entries(value).filter(([name, field]) => field !== null || !fieldSchema(schema, name));
  const complete = new Map<string, unknown>(given);
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (field.default !== undefined && !complete.has(name))
      complete.set(name, structuredClone(field.default));
  }
  return Object.fromEntries(
    Array.from(complete, ([name, field]) => {
      const known = fieldSchema(schema, name);
      return [name, known === undefined ? field : applyDefaults(known, field)];
    }),
  );
}

/** The paths of all unknown fields, which `kubectl apply` refuses. */
export function unknownFields(part: Part): string[] {
  if (part.schema === undefined) return [part.path];
  if (keepsUnknown(part.schema)) return [];
  return partsOf(part).flatMap(unknownFields);
}

/** One message for each element that has the key of an earlier element of its list. */
export function duplicateKeys(part: Part): string[] {
  const keys = part.schema?.['x-kubernetes-list-map-keys'];
  const repeated = keys === undefined || !Array.isArray(part.value) ? [] : repeatedKeys(part, keys);
  return [...repeated, ...partsOf(part).flatMap(duplicateKeys)];
}

function repeatedKeys(part: Part, keys: readonly string[]): string[] {
  const seen = new Set<string>();
  return partsOf(part).flatMap(({ value, path }) => {
    const key = JSON.stringify(keys.map((name) => (isObject(value) ? value[name] : undefined)));
    if (seen.has(key)) return [`${path}: another element of the list has the same ${keys.join(', ')}`];
    seen.add(key);
    return [];
  });
}

function keepsUnknown(schema: StructuralSchema): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true;
}

/** What bounds a value from above or a number from below. Patterns stay: paths and names depend on them. */
const bounds: readonly string[] = ['maxItems', 'maxLength', 'maxProperties', 'maximum', 'minimum'];

/** The schema without these bounds, for what another version of the schema has accepted. */
export function withoutBounds(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutBounds);
  if (!isObject(schema)) return schema;
  // Among `properties`, `maximum` may be a field of that name with a schema.
  const kept = Object.entries(schema).filter(
    ([key, value]) => !(bounds.includes(key) && typeof value === 'number'),
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutBounds(value)]));
}
