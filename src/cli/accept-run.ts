import { parseSpec } from '../api/docker-run.ts';
import { type DockerRunSpec, dockerRunSpec } from '../api/spec.ts';
import { applyDefaults, duplicateKeys, type StructuralSchema, unknownFields } from '../api/structural.ts';
import { validateSpec } from '../api/validate/validate.ts';
import { isRecord, textOf } from '../support/narrow.ts';
import { brokenRules } from './cel-rules.ts';
import type { Fields } from './manifest.ts';
import { objectMeta } from './object-meta.ts';
import { UsageError } from './usage-error.ts';

/** A DockerRun that API server and controller would accept. */
export type AcceptedRun = { readonly namespace: string; readonly name: string; readonly spec: DockerRunSpec };

// TypeBox describes a schema with types of its own, which do not tell what keywords it holds.
const specSchema = dockerRunSpec as StructuralSchema;

/** Everything that an object of ours may hold at its top. */
const rootSchema: StructuralSchema = {
  properties: {
    apiVersion: {},
    kind: {},
    metadata: objectMeta,
    spec: specSchema,
    status: { 'x-kubernetes-preserve-unknown-fields': true },
  },
};

/** Checks a DockerRun as `kubectl apply` and then the controller do, and fills the defaults in. @throws UsageError */
export function acceptRun(run: Fields, file: string): AcceptedRun {
  const checked = checkSchema(run);
  const problems = 'problems' in checked ? checked.problems : validateSpec(checked.spec);
  if ('problems' in checked || problems.length > 0) throw new UsageError(`${file}: ${problems.join('; ')}`);
  return { ...nameAndNamespace(run, file), spec: checked.spec };
}

/** The spec as the API server would store it, or why it would refuse it. Problems that hide others are told alone. */
export function checkSchema(run: Fields): { spec: DockerRunSpec } | { problems: string[] } {
  const unknown = unknownFields({ schema: rootSchema, value: run, path: '' }).map(
    (path) => `unknown field "${path.slice(1)}"`,
  );
  if (unknown.length > 0) return { problems: unknown };
  const value = applyDefaults(specSchema, run['spec']);
  const parsed = parseSpec(value);
  if ('problem' in parsed) return { problems: [parsed.problem] };
  const part = { schema: specSchema, value, path: 'spec' };
  const problems = [...duplicateKeys(part), ...brokenRules(part)];
  return problems.length > 0 ? { problems } : parsed;
}

/** The form of names in Kubernetes (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/). */
const subdomain = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

function nameAndNamespace(run: Fields, file: string): { name: string; namespace: string } {
  const metadata = isRecord(run['metadata']) ? run['metadata'] : {};
  const generateName = textOf(metadata['generateName']);
  const name = textOf(metadata['name']) ?? (generateName === undefined ? undefined : `${generateName}local`);
  if (name === undefined) throw new UsageError(`${file}: metadata.name is missing`);
  if (name.length > 253 || !subdomain.test(name)) {
    throw new UsageError(
      `${file}: metadata.name "${name}" must be of lower case letters, digits, '-' and '.', and begin and end with a letter or digit`,
    );
  }
  return { name, namespace: textOf(metadata['namespace']) ?? 'default' };
}
