import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { parseSpec } from '../api/docker-run.ts';
import { type DockerRunSpec, dockerRunSpec } from '../api/spec.ts';
import {
  applyDefaults,
  duplicateKeys,
  type Part,
  partsOf,
  type StructuralSchema,
  unknownFields,
} from '../api/structural.ts';
import { validateSpec } from '../api/validate.ts';
import { describe } from '../support/errors.ts';
import { isRecord, textOf } from '../support/narrow.ts';
import { UsageError } from './arguments.ts';
import type { Fields, Manifest } from './manifest.ts';

/** A DockerRun that API server and controller would accept. */
export type AcceptedRun = { readonly namespace: string; readonly name: string; readonly spec: DockerRunSpec };

// TypeBox describes a schema with types of its own, which do not tell what keywords it holds.
const specSchema = dockerRunSpec as StructuralSchema;

const text: StructuralSchema = {};

const texts: StructuralSchema = { additionalProperties: text };

const anything: StructuralSchema = { 'x-kubernetes-preserve-unknown-fields': true };

/**
 * The metadata of any object of Kubernetes, as far as its fields must be known
 * (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/).
 */
const objectMeta: StructuralSchema = {
  properties: {
    name: text,
    generateName: text,
    namespace: text,
    labels: texts,
    annotations: texts,
    finalizers: anything,
    managedFields: anything,
    ownerReferences: anything,
    creationTimestamp: anything,
    deletionGracePeriodSeconds: anything,
    deletionTimestamp: anything,
    generation: anything,
    resourceVersion: text,
    selfLink: text,
    uid: text,
  },
};

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

const environment = new Environment().registerVariable('self', 'dyn');

const compiled = new Map<string, ParseResult>();

/**
 * One sentence for each CEL rule of the schema that the value breaks, with the message that the API server would
 * give. The value must have passed the rest of the schema; rules about the change of a stored object are left out.
 */
export function brokenRules({ schema, value, path }: Part): string[] {
  return brokenBy({ schema, value: celValue(value), path });
}

function brokenBy(part: Part): string[] {
  const rules = part.schema?.['x-kubernetes-validations'] ?? [];
  const broken = rules.flatMap(({ rule, message }) => {
    if (/\boldSelf\b/.test(rule)) return [];
    const verdict = evaluate(rule, part.value);
    return verdict === true ? [] : [`${part.path}: ${verdict === false ? message : verdict}`];
  });
  return [...broken, ...partsOf(part).flatMap(brokenBy)];
}

/** Compiles a rule, once. @throws when it is no CEL expression, or none with a boolean for its value */
export function compileRule(rule: string): ParseResult {
  const known = compiled.get(rule);
  if (known !== undefined) return known;
  const { valid, type, error } = environment.check(rule);
  if (!valid) throw error ?? new TypeError(`${rule} is no CEL expression`);
  if (type !== 'bool') throw new TypeError(`${rule} is of type ${type}, and a rule must be a bool`);
  const parsed = environment.parse(rule);
  compiled.set(rule, parsed);
  return parsed;
}

/** Whether the rule holds, or why that cannot be told; the API server refuses such a value too. */
function evaluate(rule: string, self: unknown): boolean | string {
  try {
    const verdict: unknown = compileRule(rule)({ self });
    return verdict === true;
  } catch (error) {
    return `the rule ${rule} cannot be evaluated: ${describe(error).split('\n')[0]}`;
  }
}

/** JSON as CEL sees it, where whole numbers are integers and not floating-point numbers. */
function celValue(value: unknown): unknown {
  if (Number.isSafeInteger(value)) return BigInt(Number(value));
  if (Array.isArray(value)) return value.map(celValue);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, celValue(field)]));
}

const heldLimits = ['cpu', 'memory', 'nvidia.com/gpu'];

/** What of a file means nothing without a cluster and is passed over, one sentence each. */
export function ignoredFields(spec: DockerRunSpec, { ignored, secrets, file }: Manifest): string[] {
  const notes: string[] = [];
  const fields = fieldsOfACluster(spec);
  if (fields.length > 0) notes.push(`without a cluster these have no effect: ${fields.join(', ')}`);
  if (ignored.length > 0) notes.push(`ignored in ${file}: ${ignored.join(', ')}`);
  const references = spec.imagePullSecrets ?? [];
  if (references.length > 0 && secrets.length === 0) {
    notes.push(
      `${file} holds no Secret of spec.imagePullSecrets; the image is pulled with what docker login left`,
    );
  }
  return notes;
}

function fieldsOfACluster(spec: DockerRunSpec): string[] {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  const requested = Object.keys(requests).filter((name) => name !== 'cpu');
  const limited = Object.keys(limits).filter((name) => !heldLimits.includes(name));
  const sized = (spec.volumes ?? []).filter(({ temporary }) => temporary?.sizeLimit !== undefined);
  return [
    ...(spec.nodeSelector === undefined ? [] : ['spec.nodeSelector']),
    ...(spec.ttlSecondsAfterFinished === undefined ? [] : ['spec.ttlSecondsAfterFinished']),
    ...(spec.backoffLimit > 0 ? ['spec.backoffLimit (a failed run is not tried again)'] : []),
    ...requested.map((name) => `spec.resources.requests.${name}`),
    ...limited.map((name) => `spec.resources.limits.${name}`),
    ...sized.map(({ name }) => `spec.volumes: ${name}.temporary.sizeLimit`),
  ];
}
