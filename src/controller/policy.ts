import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import type { DockerRunSpec } from '../api/spec.ts';
import type { Connection } from '../kube/connection.ts';
import { isNotFound, KubeError } from '../kube/kube-error.ts';
import { requestJson } from '../kube/request.ts';
import { paths } from '../kube/resources.ts';
import { recordAt, textAt } from '../kube/wire.ts';
import { describe, RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';

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

/** How a host path may be used under a policy. */
export function hostPathAccess(policy: Policy, path: string): 'rw' | 'ro' | 'none' {
  const matching = (policy.hostPaths ?? []).filter(({ pathPrefix }) => isWithin(path, pathPrefix));
  if (matching.length === 0) return 'none';
  return matching.some(({ readOnly }) => readOnly !== true) ? 'rw' : 'ro';
}

function isWithin(path: string, prefix: string): boolean {
  const parts = (text: string) => text.split('/').filter((part) => part !== '');
  const wanted = parts(path);
  return !wanted.includes('..') && parts(prefix).every((part, index) => wanted[index] === part);
}

/** The first thing in a spec that the policy does not allow, if any. */
export function refusedByPolicy(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  for (const use of hostPathUses(spec)) {
    const access = hostPathAccess(policy, use.path);
    if (access === 'none') {
      return new RunError(
        'HostPathNotAllowed',
        `${use.field}: the policy allows no access to ${use.path} on the nodes`,
      );
    }
    if (access === 'ro' && use.writes) {
      return new RunError(
        'HostPathNotAllowed',
        `${use.field}: the policy allows to read ${use.path} but not to write it`,
      );
    }
  }
  return refusedGirder(spec, policy);
}

type HostPathUse = { field: string; path: string; writes: boolean };

function hostPathUses(spec: DockerRunSpec): HostPathUse[] {
  const downloadsInto = new Set(
    (spec.transforms ?? []).map((transform) => transform.girderFileIdToVolume?.volume),
  );
  return [
    ...(spec.volumes ?? []).flatMap(({ name, bindMount }): HostPathUse[] =>
      bindMount === undefined
        ? []
        : [
            {
              field: `spec.volumes: ${name}`,
              path: bindMount.hostPath,
              writes: bindMount.mode === 'rw' || downloadsInto.has(name),
            },
          ],
    ),
    ...Object.entries(spec.dockerVolumes ?? {}).map(([path, { mode }]) => ({
      field: 'spec.dockerVolumes',
      path,
      writes: mode === 'rw',
    })),
  ];
}

function refusedGirder(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  const url = spec.girder?.apiUrl;
  if (url === undefined || policy.girderApiUrls === undefined) return undefined;
  const plain = url.replace(/\/+$/, '');
  if (policy.girderApiUrls.some((allowed) => allowed.replace(/\/+$/, '') === plain)) return undefined;
  return new RunError('GirderAddressNotAllowed', `spec.girder.apiUrl: the policy does not allow ${url}`);
}
