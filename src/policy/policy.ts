import { Value } from 'typebox/value';
import { allowancesFor, withDefaults } from './for-namespace.ts';
import { type Allowances, policySpec, type PolicySpec } from './policy-schema.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import { type StructuralSchema, unknownFields } from '../api/structural.ts';
import type { RunError } from '../support/errors.ts';
import { refusedGirder, refusedStream } from './refused-addresses.ts';
import { refusedDockerOption } from './allowed-options.ts';
import { refusedHostPath } from './host-paths.ts';
import { refusedImage } from './refused-image.ts';

/** What the administrator allows the runs of one namespace. Without a DockerRunPolicy no host path is usable. */
export type Policy = Allowances & {
  /** Why it cannot be read, if it cannot: nothing is decided then until it is mended. */
  problem?: string;
};

/**
 * The spec of a DockerRunPolicy that the API server sent; throws on anything unknown, as of a newer version of the
 * resource, so that what this controller does not understand never allows or forbids silently.
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

/** The first thing in a spec that the policy does not allow, if any. */
export function refusedByPolicy(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  return (
    refusedHostPath(spec, policy) ??
    refusedImage(spec.image, policy) ??
    refusedDockerOption(spec, policy) ??
    refusedGirder(spec, policy) ??
    refusedStream(spec, policy)
  );
}

/** The spec with the options that the policy gives to every target; those are the administrator's own. */
export function withDockerDefaults(spec: DockerRunSpec, { dockerDefaults }: Policy): DockerRunSpec {
  return dockerDefaults === undefined
    ? spec
    : { ...spec, docker: withDefaults(spec.docker ?? {}, dockerDefaults) };
}
