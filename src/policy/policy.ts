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

/** What the administrator allows the runs of one namespace. Without a DockerRunPolicy no host path is usable. */
export type Policy = Allowances & {
  /** Why the DockerRunPolicy cannot be read, if it cannot: no run starts until that is fixed. */
  problem?: string;
};

/** In the order in which they refuse; the first refusal is the one that a run ends with. */
const rules: readonly ((spec: DockerRunSpec, policy: Policy) => RunError | undefined)[] = [
  refusedHostPath,
  refusedImage,
  refusedDockerOption,
  refusedGirder,
  refusedStream,
];

/** The first thing in a spec that the policy does not allow, if any. Pure, so that any place can ask it. */
export function refusedByPolicy(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  for (const rule of rules) {
    const refusal = rule(spec, policy);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/**
 * The spec of a DockerRunPolicy that the API server sent. @throws TypeError on anything unknown, as of a newer version
 * of the resource, so that what this controller does not understand never allows or forbids silently.
 */
export function parsePolicySpec(value: unknown): PolicySpec {
  if (!Value.Check(policySpec, value)) {
    const [first] = Value.Errors(policySpec, value);
    const field = `spec${first?.instancePath.replaceAll('/', '.') ?? ''}`;
    throw new TypeError(`${field} ${first?.message ?? 'is invalid'}`);
  }
  const schema = policySpec as StructuralSchema;
  const [unknown] = unknownFields({ schema, value, path: 'spec' });
  if (unknown !== undefined) throw new TypeError(`${unknown} is no field that this controller knows`);
  return value;
}

/** What counts for the runs of a namespace; without a spec nothing of the nodes is allowed. */
export function policyFor(namespace: string, spec: PolicySpec | { problem: string } | undefined): Policy {
  if (spec === undefined) return {};
  return 'problem' in spec ? spec : allowancesFor(namespace, spec);
}

/**
 * What is allowed to all, together with every entry of `namespaces` that names the namespace. An entry can allow more,
 * and never less: a list that restricts when it is set allows what any of the entries lists.
 */
export function allowancesFor(namespace: string, { namespaces = [], ...everywhere }: PolicySpec): Allowances {
  const isNamed = ({ names }: { names: readonly string[] }) =>
    names.some((name) => matchesGlob(namespace, name));
  return namespaces
    .filter(isNamed)
    .map(({ names: _, ...entry }): Allowances => entry)
    .reduce(together, everywhere);
}

function together(one: Allowances, other: Allowances): Allowances {
  return { ...one, ...other, ...addressesOfBoth(one, other), ...ofTheNodeOfBoth(one, other) };
}

function addressesOfBoth(one: Allowances, other: Allowances): Allowances {
  return {
    ...(one.images && other.images && { images: [...one.images, ...other.images] }),
    ...(one.girderApiUrls &&
      other.girderApiUrls && { girderApiUrls: [...one.girderApiUrls, ...other.girderApiUrls] }),
    ...(one.streamUrls && other.streamUrls && { streamUrls: [...one.streamUrls, ...other.streamUrls] }),
  };
}

function ofTheNodeOfBoth(one: Allowances, other: Allowances): Allowances {
  return {
    ...(one.hostPaths && other.hostPaths && { hostPaths: [...one.hostPaths, ...other.hostPaths] }),
    ...(one.dockerOptions &&
      other.dockerOptions && { dockerOptions: [...one.dockerOptions, ...other.dockerOptions] }),
    // Of defaults the last one counts, option by option.
    ...(one.dockerDefaults &&
      other.dockerDefaults && { dockerDefaults: withDefaults(other.dockerDefaults, one.dockerDefaults) }),
  };
}

/** The spec with the options that the policy sets for every target; they are the administrator's and need no entry. */
export function withDockerDefaults(spec: DockerRunSpec, { dockerDefaults }: Policy): DockerRunSpec {
  return dockerDefaults === undefined
    ? spec
    : { ...spec, docker: withDefaults(spec.docker ?? {}, dockerDefaults) };
}

/** They choose the network together: a spec that sets one of them gets no default for the others. */
const networkOptions = ['network', 'networkMode', 'networkDisabled'] as const;

function withDefaults(options: DockerOptions, defaults: DockerOptions): DockerOptions {
  const setsNetwork = networkOptions.some((option) => options[option] !== undefined);
  const { network: _, networkMode: _mode, networkDisabled: _disabled, ...others } = defaults;
  return { ...(setsNetwork ? others : defaults), ...options };
}
