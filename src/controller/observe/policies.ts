import { isRecord } from '../../api/json-values.ts';
import { policyName } from '../../api/names.ts';
import type { ListWatch } from '../../kube/list-watch.ts';
import { parseObjectMeta } from '../../kube/json.ts';
import { parsePolicySpec, type Policy, policyFor } from '../../policy/policy.ts';
import type { PolicySpec } from '../../policy/policy-schema.ts';
import { describe } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';

/** A cached DockerRunPolicy: what it allows, or why it is invalid. */
export type ObservedPolicy = { readonly name: string; readonly spec: PolicySpec | { problem: string } };

/** Parses a DockerRunPolicy; one that this controller does not understand becomes a `problem`. */
export function parsePolicy(object: unknown): ObservedPolicy {
  const { name } = parseObjectMeta(object);
  try {
    return { name, spec: parsePolicySpec(isRecord(object) ? object['spec'] : undefined) };
  } catch (error) {
    return { name, spec: { problem: describe(error) } };
  }
}

/** The policy for the runs of a namespace, from the cached DockerRunPolicy. */
export function policyIn(
  policies: ListWatch<ObservedPolicy>,
  namespace: string,
  options: { readonly isRequired: boolean },
): Policy {
  // The key of a cluster-scoped object has no namespace.
  return policyFor(namespace, policies.get(`/${policyName}`)?.spec, options);
}

export function logPolicyChange(log: Logger, { name, spec }: ObservedPolicy): void {
  const about = { policy: name };
  if (name !== policyName) log.warn(about, `policy ignored: its name is not ${policyName}`);
  else if ('problem' in spec) log.error({ ...about, ...spec }, 'policy invalid: no run starts');
  else log.info(about, 'policy added, updated or deleted');
}
