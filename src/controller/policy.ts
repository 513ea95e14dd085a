import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { policyOptionNames } from '../api/docker-option-risks.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import type { Connection } from '../kube/connection.ts';
import { isNotFound, KubeError } from '../kube/kube-error.ts';
import { requestJson } from '../kube/request.ts';
import { paths } from '../kube/resources.ts';
import { recordAt, textAt } from '../kube/wire.ts';
import { describe, RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import { refusedDockerOption } from './policy-docker.ts';
import { refusedHostPath } from './policy-host-paths.ts';
import { refusedImage } from './policy-images.ts';

export { hostPathAccess } from './policy-host-paths.ts';

const policySchema = Type.Object(
  {
    /** Directories of the nodes that runs may mount, with everything below them. */
    hostPaths: Type.Optional(
      Type.Array(
        Type.Object(
          { pathPrefix: Type.String({ pattern: '^/' }), readOnly: Type.Optional(Type.Boolean()) },
          { additionalProperties: false },
        ),
      ),
    ),
    /** Values of docker's options that reach beyond the target's container; no `values` allows any. */
    dockerOptions: Type.Optional(
      Type.Array(
        Type.Object(
          {
            option: Type.Enum(policyOptionNames),
            values: Type.Optional(Type.Array(Type.Union([Type.String(), Type.Number(), Type.Boolean()]))),
          },
          { additionalProperties: false },
        ),
      ),
    ),
    /** When set, the only images that runs may use: patterns of {@link matchesImage}. */
    images: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
    /** When set, the only addresses of Girder that runs may name. */
    girderApiUrls: Type.Optional(Type.Array(Type.String({ pattern: '^https?://' }))),
  },
  { additionalProperties: false },
);

/** What the cluster's operator allows. What is not allowed is refused: without a policy no host path is usable. */
export type Policy = Type.Static<typeof policySchema> & {
  /** Why it cannot be read, if it cannot: nothing is decided then until it is mended. */
  problem?: string;
};

/** Parses a policy in YAML; throws on anything unknown, so that a typing error never allows or forbids silently. */
export function parsePolicy(text: string): Policy {
  const value: unknown = parse(text) ?? {};
  if (Value.Check(policySchema, value)) return value;
  const [first] = Value.Errors(policySchema, value);
  throw new TypeError(`policy${first?.instancePath ?? ''} ${first?.message ?? 'is invalid'}`);
}

/** The ConfigMap in the controller's own namespace that holds the policy under the key policy.yaml. */
export const policyConfigMap = 'dockerrun-policy';

/** Reads the policy from the API server, so that a change counts at once; an absent one allows no host path. */
export async function readPolicy(connection: Connection, log: Logger, signal: AbortSignal): Promise<Policy> {
  const path = `${paths.configMaps(connection.namespace)}/${policyConfigMap}`;
  try {
    const configMap = await requestJson(connection, { method: 'GET', path, signal });
    return parsePolicy(textAt(recordAt(configMap, 'data'), 'policy.yaml') ?? '');
  } catch (error) {
    if (isNotFound(error)) return {};
    if (error instanceof KubeError) throw error;
    signal.throwIfAborted();
    log.error(
      { configMap: policyConfigMap, error: describe(error) },
      'the policy is invalid: no run is started',
    );
    return { problem: describe(error) };
  }
}

/** The first thing in a spec that the policy does not allow, if any. */
export function refusedByPolicy(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  return (
    refusedHostPath(spec, policy) ??
    refusedImage(spec.image, policy) ??
    refusedDockerOption(spec, policy) ??
    refusedGirder(spec, policy)
  );
}

function refusedGirder(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  const url = spec.girder?.apiUrl;
  if (url === undefined || policy.girderApiUrls === undefined) return undefined;
  const plain = url.replace(/\/+$/, '');
  if (policy.girderApiUrls.some((allowed) => allowed.replace(/\/+$/, '') === plain)) return undefined;
  return new RunError('GirderAddressNotAllowed', `spec.girder.apiUrl: the policy does not allow ${url}`);
}
