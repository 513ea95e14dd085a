import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { parseSpec } from '../../api/docker-run.ts';
import { isRecord, textOf } from '../../api/json-values.ts';
import { type DockerRunSpec, dockerRunSpec } from '../../api/spec.ts';
import {
  applyDefaults,
  duplicateKeys,
  type Part,
  partsOf,
  type StructuralSchema,
  unknownFields,
} from '../../api/structural.ts';
import { validateSpec } from '../../api/validate.ts';
import { describe } from '../../support/errors.ts';
import { UsageError } from '../arguments.ts';
import type { Fields, Manifest } from './manifest.ts';

/** A DockerRun that the API server and the controller would accept. */
export type AcceptedRun = { readonly namespace: string; readonly name: string; readonly spec: DockerRunSpec };

/**
 * Validates a DockerRun as `kubectl apply` and then the controller do, and applies the defaults.
 * @throws UsageError with all problems
 */
export function acceptRun(run: Fields, file: string): AcceptedRun {
  const checked = checkSchema(run);
  const problems = 'problems' in checked ? checked.problems : validateSpec(checked.spec);
  if ('problems' in checked || problems.length > 0) throw new UsageError(`${file}: ${problems.join('; ')}`);
  return { ...nameAndNamespace(run, file), spec: checked.spec };
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names */
const subdomain = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** @throws UsageError for a name that the API server refuses */
export function nameAndNamespace(run: Fields, file: string): { name: string; namespace: string } {
  const metadata = isRecord(run['metadata']) ? run['metadata'] : {};
  const generateName = textOf(metadata['generateName']);
  const name = textOf(metadata['name']) ?? (generateName === undefined ? undefined : `${generateName}local`);
  if (name === undefined) throw new UsageError(`${file}: metadata.name is missing`);
  if (name.length > 253 || !subdomain.test(name)) {
    throw new UsageError(
      `${file}: metadata.name "${name}" must consist of lower case letters, digits, '-' or '.', and must start and end with a letter or digit`,
    );
  }
  return { name, namespace: textOf(metadata['namespace']) ?? 'default' };
}

// The types of TypeBox do not include the keywords of a Kubernetes schema.
const specSchema = dockerRunSpec as StructuralSchema;

const string: StructuralSchema = {};

const strings: StructuralSchema = { additionalProperties: string };

const anything: StructuralSchema = { 'x-kubernetes-preserve-unknown-fields': true };

/**
 * The known fields of `metadata`
 * (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/).
 */
const objectMeta: StructuralSchema = {
  properties: {
    name: string,
    generateName: string,
    namespace: string,
    labels: strings,
    annotations: strings,
    finalizers: anything,
    managedFields: anything,
    ownerReferences: anything,
    creationTimestamp: anything,
    deletionGracePeriodSeconds: anything,
    deletionTimestamp: anything,
    generation: anything,
    resourceVersion: string,
    selfLink: string,
    uid: string,
  },
};

const rootSchema = (spec: StructuralSchema): StructuralSchema => ({
  properties: {
    apiVersion: {},
    kind: {},
    metadata: objectMeta,
    spec,
    status: { 'x-kubernetes-preserve-unknown-fields': true },
  },
});

/** The schema of a kind, and what parses a spec that has its defaults. */
export type CheckedKind<Spec> = {
  readonly schema: StructuralSchema;
  readonly parse: (value: unknown) => { spec: Spec } | { problem: string };
};

/** As {@link checkObject}, for a DockerRun. */
export function checkSchema(run: Fields): { spec: DockerRunSpec } | { problems: string[] } {
  return checkObject(run, { schema: specSchema, parse: parseSpec });
}

/**
 * The spec as the API server would store it, or why the API server would refuse it. Unknown fields and wrong
 * types are reported alone, because they cause other problems.
 */
export function checkObject<Spec>(
  object: Fields,
  { schema, parse }: CheckedKind<Spec>,
): { spec: Spec } | { problems: string[] } {
  const unknown = unknownFields({ schema: rootSchema(schema), value: object, path: '' }).map(
    (path) => `unknown field "${path.slice(1)}"`,
  );
  if (unknown.length > 0) return { problems: unknown };
  const value = applyDefaults(schema, object['spec']);
  const parsed = parse(value);
  if ('problem' in parsed) return { problems: [parsed.problem] };
  const part = { schema, value, path: 'spec' };
  const problems = [...duplicateKeys(part), ...brokenRules(part)];
  return problems.length > 0 ? { problems } : parsed;
}

/**
 * The API server's message for each CEL rule of the schema that the value violates. The value must be valid
 * in all else; transition rules (`oldSelf`) are not evaluated.
 */
export function brokenRules({ schema, value, path }: Part): string[] {
  return brokenBy({ schema, value: celValue(value), path });
}

function brokenBy(part: Part): string[] {
  const rules = part.schema?.['x-kubernetes-validations'] ?? [];
  const broken = rules.flatMap(({ rule, message }) => {
    if (/\boldSelf\b/.test(rule)) return [];
    const result = evaluate(rule, part.value);
    return result === true ? [] : [`${part.path}: ${result === false ? message : result}`];
  });
  return [...broken, ...partsOf(part).flatMap(brokenBy)];
}

/** Whether the rule holds, or a message if it fails to evaluate; the API server also refuses such a value. */
function evaluate(rule: string, self: unknown): boolean | string {
  try {
    return compileRule(rule)({ self }) === true;
  } catch (error) {
    return `cannot evaluate the rule ${rule}: ${describe(error).split('\n')[0]}`;
  }
}

const environment = new Environment().registerVariable('self', 'dyn');

const compiled = new Map<string, ParseResult>();

/** Compiles a rule, or returns it from the cache. @throws if it is not a CEL expression of type bool */
export function compileRule(rule: string): ParseResult {
  const known = compiled.get(rule);
  if (known !== undefined) return known;
  const { valid, type, error } = environment.check(rule);
  if (!valid) throw error ?? new TypeError(`${rule} is not a CEL expression`);
  if (type !== 'bool') throw new TypeError(`${rule} is of type ${type}, but a rule must be a bool`);
  const parsed = environment.parse(rule);
  compiled.set(rule, parsed);
  return parsed;
}

/** JSON with integers as BigInt, which CEL distinguishes from floating-point numbers. */
function celValue(value: unknown): unknown {
  if (Number.isSafeInteger(value)) return BigInt(Number(value));
  if (Array.isArray(value)) return value.map(celValue);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, celValue(field)]));
}

/** One message for each kind of field or document that has no effect without a cluster. */
export function ignoredFields(spec: DockerRunSpec, { ignored, secrets, file }: Manifest): string[] {
  const notes: string[] = [];
  const fields = clusterOnlyFields(spec);
  if (fields.length > 0) notes.push(`without a cluster these have no effect: ${fields.join(', ')}`);
  if (ignored.length > 0) notes.push(`ignored in ${file}: ${ignored.join(', ')}`);
  const references = spec.imagePullSecrets ?? [];
  if (references.length > 0 && secrets.length === 0) {
    notes.push(
      `${file} contains no Secret of spec.imagePullSecrets; the image is pulled with the credentials of docker login`,
    );
  }
  return notes;
}

const effectiveLimits = ['cpu', 'memory', 'nvidia.com/gpu'];

function clusterOnlyFields(spec: DockerRunSpec): string[] {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  const requested = Object.keys(requests).filter((name) => name !== 'cpu');
  const limited = Object.keys(limits).filter((name) => !effectiveLimits.includes(name));
  const sized = (spec.volumes ?? []).filter(({ temporary }) => temporary?.sizeLimit !== undefined);
  return [
    ...(spec.nodeSelector === undefined ? [] : ['spec.nodeSelector']),
    ...(spec.ttlSecondsAfterFinished === undefined ? [] : ['spec.ttlSecondsAfterFinished']),
    ...(spec.backoffLimit > 0 ? ['spec.backoffLimit (a failed run is not retried)'] : []),
    ...requested.map((name) => `spec.resources.requests.${name}`),
    ...limited.map((name) => `spec.resources.limits.${name}`),
    ...sized.map(({ name }) => `spec.volumes: ${name}.temporary.sizeLimit`),
  ];
}
