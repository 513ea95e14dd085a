type Fields = Readonly<Record<string, unknown>>;

/**
 * The schema without those required fields that have a default: the API server fills them in before it looks, whereas
 * `kubectl explain`, editors and linters of manifests know no defaults, and would have users write them.
 */
export function requireNoDefaults(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(requireNoDefaults);
  if (!isFields(schema)) return schema;
  const entries = Object.entries(schema).map(([key, value]): [string, unknown] => {
    // A field of this name, among the properties of some object, is a schema and no list.
    if (key !== 'required' || !Array.isArray(value)) return [key, requireNoDefaults(value)];
    return [key, value.filter((name: unknown) => !hasDefault(schema['properties'], name))];
  });
  return Object.fromEntries(entries.filter(([key, value]) => key !== 'required' || !isEmptyList(value)));
}

function hasDefault(properties: unknown, name: unknown): boolean {
  const field = isFields(properties) ? properties[String(name)] : undefined;
  return isFields(field) && 'default' in field;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
