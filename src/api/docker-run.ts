import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { defined } from './json-values.ts';
import type { apiVersion, kind } from './names.ts';
import { type DockerRunSpec, dockerRunSpec } from './spec.ts';
import type { DockerRunStatus } from './status.ts';

/** A DockerRun as the controller reads it. */
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
});

export type DockerRunMetadata = Type.Static<typeof metadata>;

/**
 * The metadata of a DockerRun that the API server sent, without the rest of it: a third of a stored object is who wrote
 * what. Throws when it is none, which is a defect of ours.
 */
export function parseMetadata(value: unknown): DockerRunMetadata {
  if (!Value.Check(metadata, value)) throw new TypeError('the object has no metadata of a stored DockerRun');
  const { name, namespace, uid, generation, creationTimestamp, deletionTimestamp, finalizers, labels } =
    value;
  return {
    name,
    namespace,
    uid,
    generation,
    creationTimestamp,
    ...defined({ deletionTimestamp, finalizers, labels }),
  };
}

/** A spec, or the first thing that is wrong with it; defaults are the API server's work. */
export function parseSpec(value: unknown): { spec: DockerRunSpec } | { problem: string } {
  if (Value.Check(dockerRunSpec, value)) return { spec: value };
  const [first] = Value.Errors(dockerRunSpec, value);
  return {
    problem:
      first === undefined
        ? 'spec is invalid'
        : `spec${first.instancePath.replaceAll('/', '.')} ${first.message}`,
  };
}
