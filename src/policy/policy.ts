import { Value } from 'typebox/value';
import type { DockerOptions } from '../api/docker/options.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import { type StructuralSchema, unknownFields } from '../api/structural.ts';
import type { RunError } from '../support/errors.ts';
import { refusedGirder, refusedStream } from './allowed-addresses.ts';
import { refusedImage } from './allowed-images.ts';
import { refusedDockerOption } from './allowed-options.ts';
import { refusedHostPath } from './host-paths.ts';
import { matchesGlob } from './patterns.ts';
import { type Allowances, policySpec, type PolicySpec } from './policy-schema.ts';

/**
 * The permissions of the runs of one namespace. Without a DockerRunPolicy they may use nothing on the nodes.
 */
export type Policy = Allowances & {
  /** Why the DockerRunPolicy is invalid; no run starts until it is fixed. */
  problem?: string;
};

/** In order: a run fails with the first refusal. */
const rules: readonly ((spec: DockerRunSpec, policy: Policy) => RunError | undefined)[] = [
  refusedHostPath,
  refusedImage,
  refusedDockerOption,
  refusedGirder,
  refusedStream,
];

export function refusedByPolicy(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  for (const rule of rules) {
    const refusal = rule(spec, policy);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/**
 * Parses the spec of a DockerRunPolicy from the API server. @throws TypeError also on unknown fields, as of a
 * newer version of the resource: the controller must not silently ignore a permission or a restriction.
 */
export function parsePolicySpec(value: unknown): PolicySpec {
  if (!Value.Check(policySpec, value)) {
    const [first] = Value.Errors(policySpec, value);
    const field = `spec${first?.instancePath.replaceAll('/', '.') ?? ''}`;
    throw new TypeError(`${field} ${first?.message ?? 'is invalid'}`);
  }
  const schema = policySpec as StructuralSchema;
  const [unknown] = unknownFields({ schema, value, path: 'spec' });
  if (unknown !== undefined) throw new TypeError(`${unknown} is not a field that this controller knows`);
  return value;
}

export function policyFor(namespace: string, spec: PolicySpec | { problem: string } | undefined): Policy {
  if (spec === undefined) return {};
  return 'problem' in spec ? spec : allowancesFor(namespace, spec);
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

function combined(one: Allowances, other: Allowances): Allowances {
  return { ...one, ...other, ...combinedAddresses(one, other), ...combinedNodeAccess(one, other) };
}

function combinedAddresses(one: Allowances, other: Allowances): Allowances {
  return {
    ...(one.images && other.images && { images: [...one.images, ...other.images] }),
    ...(one.girderApiUrls &&
      other.girderApiUrls && { girderApiUrls: [...one.girderApiUrls, ...other.girderApiUrls] }),
    ...(one.streamUrls && other.streamUrls && { streamUrls: [...one.streamUrls, ...other.streamUrls] }),
  };
}

function combinedNodeAccess(one: Allowances, other: Allowances): Allowances {
  return {
    ...(one.hostPaths && other.hostPaths && { hostPaths: [...one.hostPaths, ...other.hostPaths] }),
    ...(one.dockerOptions &&
      other.dockerOptions && { dockerOptions: [...one.dockerOptions, ...other.dockerOptions] }),
    // The last entry that sets an option wins.
    ...(one.dockerDefaults &&
      other.dockerDefaults && { dockerDefaults: withDefaults(other.dockerDefaults, one.dockerDefaults) }),
  };
}

/** Call it after the policy check: the administrator's defaults need no entry in `dockerOptions`. */
export function withDockerDefaults(spec: DockerRunSpec, { dockerDefaults }: Policy): DockerRunSpec {
  return dockerDefaults === undefined
    ? spec
    : { ...spec, docker: withDefaults(spec.docker ?? {}, dockerDefaults) };
}

/** They depend on each other: a spec that sets one of them gets no default for the others. */
const networkOptions = ['network', 'networkMode', 'networkDisabled'] as const;

function withDefaults(options: DockerOptions, defaults: DockerOptions): DockerOptions {
  const setsNetwork = networkOptions.some((option) => options[option] !== undefined);
  const { network: _, networkMode: _mode, networkDisabled: _disabled, ...others } = defaults;
  return { ...(setsNetwork ? others : defaults), ...options };
}
