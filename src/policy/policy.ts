import { Value } from 'typebox/value';
import { dottedPath } from '../api/json-values.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import { type StructuralSchema, unknownFields } from '../api/structural.ts';
import type { RunError } from '../support/errors.ts';
import { refusedGirder, refusedStream } from './allowed-addresses.ts';
import { refusedImage } from './allowed-images.ts';
import {
  refusedDockerOption,
  refusedHostPort,
  refusedNamedVolume,
  refusedRequirement,
  withDefaults,
} from './allowed-options.ts';
import { refusedKeptContainer, refusedPodMetadata, refusedScheduling } from './allowed-pods.ts';
import { aboveBound, withRunDefaults } from './bounds.ts';
import { combined } from './combined.ts';
import { refusedHostPath, writableRoots } from './host-paths.ts';
import { matchesGlob } from './patterns.ts';
import { type Allowances, policySpec, type PolicySpec } from './policy-schema.ts';

/**
 * The permissions of the runs of one namespace. Without a DockerRunPolicy they may use nothing on the nodes.
 */
export type Policy = Allowances & {
  /** What is wrong with the DockerRunPolicy, as `is invalid: …`; no run starts until it is fixed. */
  problem?: string;
  /** The directories that the runs of any namespace may write to. */
  readonly writableRoots?: readonly string[];
};

/** In order: a run fails with the first refusal. */
const rules: readonly ((spec: DockerRunSpec, policy: Policy) => RunError | undefined)[] = [
  refusedHostPath,
  refusedNamedVolume,
  refusedImage,
  refusedDockerOption,
  refusedGirder,
  refusedStream,
  refusedRequirement,
  refusedHostPort,
  refusedPodMetadata,
  refusedScheduling,
  refusedKeptContainer,
  (spec, policy) => aboveBound(withRunDefaults(spec, policy), policy),
];

export function refusedByPolicy(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  for (const rule of rules) {
    const refusal = rule(spec, policy);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/**
 * Parses the spec of a DockerRunPolicy from the API server. @throws TypeError with the first of its problems.
 */
export function parsePolicySpec(value: unknown): PolicySpec {
  const [problem] = policyProblems(value);
  if (problem !== undefined || !Value.Check(policySpec, value)) throw new TypeError(problem);
  return value;
}

/**
 * What makes the spec of a DockerRunPolicy invalid, each in one sentence. Unknown fields do too, as of a newer
 * version of the resource: the controller must not silently ignore a permission or a restriction.
 */
export function policyProblems(value: unknown): string[] {
  if (!Value.Check(policySpec, value)) {
    const errors = Value.Errors(policySpec, value);
    return errors.length === 0
      ? ['spec is invalid']
      : errors.map(({ instancePath, message }) => `spec${dottedPath(instancePath)} ${message}`);
  }
  const unknown = unknownFields({ schema: policySpec as StructuralSchema, value, path: 'spec' });
  return unknown.map((field) => `${field} is not a field that this controller knows`);
}

/** With `isRequired`, a missing DockerRunPolicy is a problem: deleting it must not lift its restrictions. */
export function policyFor(
  namespace: string,
  spec: PolicySpec | { problem: string } | undefined,
  { isRequired = false } = {},
): Policy {
  if (spec === undefined)
    return isRequired ? { problem: 'is missing, and this installation requires it' } : {};
  if ('problem' in spec) return { problem: `is invalid: ${spec.problem}` };
  const lists = [spec, ...(spec.namespaces ?? [])].map(({ hostPaths }) => hostPaths);
  return { ...allowancesFor(namespace, spec), writableRoots: writableRoots(lists) };
}

/**
 * Combines the permissions of all runs with each entry of `namespaces` that matches. An entry only adds
 * permissions: a list that restricts, such as `images`, allows what any of the entries lists.
 */
export function allowancesFor(namespace: string, { namespaces = [], ...everywhere }: PolicySpec): Allowances {
  const isNamed = ({ names }: { names: readonly string[] }) =>
    names.some((name) => matchesGlob(namespace, name));
  return namespaces
    .filter(isNamed)
    .map(({ names: _, ...entry }): Allowances => entry)
    .reduce(combined, everywhere);
}

/**
 * The spec with what the policy adds. Call it after `refusedByPolicy`: what the administrator sets needs no
 * entry in `dockerOptions`.
 */
export function withPolicyDefaults(spec: DockerRunSpec, policy: Policy): DockerRunSpec {
  const { dockerDefaults, dockerRequired } = policy;
  const run = withRunDefaults(spec, policy);
  if (dockerDefaults === undefined && dockerRequired === undefined) return run;
  const fixed = withDefaults(spec.docker ?? {}, dockerRequired ?? {});
  return { ...run, docker: withDefaults(fixed, dockerDefaults ?? {}) };
}
