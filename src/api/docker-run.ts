import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { boundsProblem, defined, dottedPath, isRecord, specBounds } from './json-values.ts';
import {
  type apiVersion,
  chunkAnnotation,
  type kind,
  labels as ownLabels,
  queueLabelsOf,
  wakeAnnotation,
  windowAnnotation,
} from './names.ts';
import { type DockerRunSpec, dockerRunSpec } from './spec.ts';
import { applyDefaults, type StructuralSchema, withoutBounds } from './structural.ts';
import type { DockerRunStatus } from './status.ts';

export type DockerRun = {
  apiVersion: typeof apiVersion;
  kind: typeof kind;
  metadata: DockerRunMetadata;
  spec: DockerRunSpec;
  status?: DockerRunStatus;
};

const metadata = Type.Object({
  name: Type.String(),
  namespace: Type.String(),
  uid: Type.String(),
  generation: Type.Integer(),
  creationTimestamp: Type.String(),
  deletionTimestamp: Type.Optional(Type.String()),
  finalizers: Type.Optional(Type.Array(Type.String())),
  labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
});

export type DockerRunMetadata = Type.Static<typeof metadata>;

/**
 * Keeps only the metadata that the controller reads: `managedFields` alone are a third of a stored object.
 * @throws TypeError if it is not the metadata of a stored object, which is a defect in DockerRun.
 */
export function parseMetadata(value: unknown): DockerRunMetadata {
  if (!Value.Check(metadata, value))
    throw new TypeError('the object does not have the metadata of a stored DockerRun');
  const { name, namespace, uid, generation, creationTimestamp, deletionTimestamp, finalizers } = value;
  const { labels, annotations } = value;
  return {
    name,
    namespace,
    uid,
    generation,
    creationTimestamp,
    ...defined({
      deletionTimestamp,
      finalizers: finalizers?.slice(0, maxKept),
      labels: labels && firstKept({ ...ofSet(labels, setLabels), ...queueLabelsOf(labels) }),
      annotations: annotations && emptyAsAbsent(ofSet(annotations, setAnnotations)),
    }),
  };
}

/** What a chunk has of its set, and a set of the people who wake it. */
const setLabels = [ownLabels.set, ownLabels.setUid];
const setAnnotations = [windowAnnotation, chunkAnnotation, wakeAnnotation];

/** In characters: far more than the controller writes, in case somebody else has. */
const longestAnnotation = 256;

function ofSet(found: Readonly<Record<string, string>>, keys: readonly string[]): Record<string, string> {
  const kept = keys.flatMap((key): [string, string][] => {
    const value = Object.hasOwn(found, key) ? found[key] : undefined;
    return value === undefined || value.length > longestAnnotation ? [] : [[key, value]];
  });
  return Object.fromEntries(kept);
}

function emptyAsAbsent(found: Record<string, string>): Record<string, string> | undefined {
  return Object.keys(found).length === 0 ? undefined : found;
}

/** How many labels and finalizers are kept of an object, which may have 1.4 MiB of them. */
export const maxKept = 64;

const firstKept = (found: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(found).slice(0, maxKept));

/**
 * Returns the spec, or its first problem. It sets no defaults: the API server has done that. A spec beyond its
 * bounds is not kept, because one object could otherwise take the memory or the stack of all.
 */
export function parseSpec(value: unknown): { spec: DockerRunSpec } | { problem: string } {
  const tooLarge = boundsProblem(value, specBounds);
  if (tooLarge !== undefined) return { problem: `spec: it ${tooLarge}` };
  if (Value.Check(dockerRunSpec, value)) return { spec: value };
  const [first] = Value.Errors(dockerRunSpec, value);
  if (first === undefined) return { problem: 'spec is invalid' };
  const rule =
    'allowedValues' in first.params
      ? `must be one of ${first.params.allowedValues.join(', ')}`
      : first.message;
  return { problem: `spec${dottedPath(first.instancePath)} ${rule}` };
}

const unboundedSpec = Type.Unsafe<DockerRunSpec>(withoutBounds(dockerRunSpec) as object);

/**
 * A stored spec that `parseSpec` refuses only because it is beyond a bound of this version; undefined when its
 * fields cannot be used. A run may have started with it before an upgrade.
 */
export function parseOlderSpec(value: unknown): DockerRunSpec | undefined {
  if (boundsProblem(value, specBounds) !== undefined) return undefined;
  return Value.Check(unboundedSpec, value) ? value : undefined;
}

/**
 * What can be used of a stored spec of another form: the fields and list elements that this version can read, with
 * defaults. No Job can be made of it, but a run that has begun can be stopped, and cleaned up after.
 */
export function parsePartialSpec(value: unknown): DockerRunSpec | undefined {
  if (boundsProblem(value, specBounds) !== undefined || !isRecord(value)) return undefined;
  const usable = Object.entries(value).flatMap(([field, given]): [string, unknown][] => {
    const schema = readableFields.get(field);
    if (schema === undefined) return [];
    const elements = Array.isArray(given) ? given.filter((one) => Value.Check(schema, [one])) : given;
    return Value.Check(schema, elements) ? [[field, elements]] : [];
  });
  const spec = applyDefaults(dockerRunSpec as StructuralSchema, Object.fromEntries(usable));
  return Value.Check(unboundedSpec, spec) ? spec : undefined;
}

const readableFields: ReadonlyMap<string, Type.TSchema> = new Map(
  Object.entries(dockerRunSpec.properties).map(([field, schema]) => [
    field,
    Type.Unsafe(withoutBounds(schema) as object),
  ]),
);
