import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { type DockerOptions, dockerOptions } from '../api/docker-options.ts';
import { policyOptionNames } from '../api/docker-option-risks.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import { type StructuralSchema, unknownFields } from '../api/structural.ts';
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
    /** When set, the only addresses, with all paths below them, that streams may be sent to. */
    streamUrls: Type.Optional(Type.Array(Type.String({ pattern: '^https?://' }))),
    /** Options of Docker that every target gets which its run says nothing about. */
    dockerDefaults: Type.Optional(dockerOptions),
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
  if (!Value.Check(policySchema, value)) {
    const [first] = Value.Errors(policySchema, value);
    throw new TypeError(`policy${first?.instancePath ?? ''} ${first?.message ?? 'is invalid'}`);
  }
  const defaults = {
    schema: dockerOptions as StructuralSchema,
    value: value.dockerDefaults ?? {},
    path: 'dockerDefaults',
  };
  const [unknown] = unknownFields(defaults);
  if (unknown !== undefined) throw new TypeError(`policy/${unknown} is no option of Docker`);
  return value;
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
    refusedGirder(spec, policy) ??
    refusedStream(spec, policy)
  );
}

/** Options that say one thing together: a run that sets one of them has decided about all. */
const networkOptions = ['network', 'networkMode', 'networkDisabled'] as const;

function without(options: DockerOptions, names: readonly string[]): DockerOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)));
}

/** The spec with the options that the policy gives to every target; those are the administrator's own. */
export function withDockerDefaults(spec: DockerRunSpec, { dockerDefaults }: Policy): DockerRunSpec {
  if (dockerDefaults === undefined) return spec;
  const saysNetwork = networkOptions.some((option) => spec.docker?.[option] !== undefined);
  const defaults = saysNetwork ? without(dockerDefaults, networkOptions) : dockerDefaults;
  return { ...spec, docker: { ...defaults, ...spec.docker } };
}

function refusedGirder(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  const url = spec.girder?.apiUrl;
  if (url === undefined || policy.girderApiUrls === undefined) return undefined;
  const plain = url.replace(/\/+$/, '');
  if (policy.girderApiUrls.some((allowed) => allowed.replace(/\/+$/, '') === plain)) return undefined;
  return new RunError('GirderAddressNotAllowed', `spec.girder.apiUrl: the policy does not allow ${url}`);
}

function refusedStream(spec: DockerRunSpec, { streamUrls }: Policy): RunError | undefined {
  if (streamUrls === undefined) return undefined;
  for (const { name, connect } of spec.transforms ?? []) {
    const url = connect?.output.chunkedTransferEncodingStream?.url;
    if (url === undefined || streamUrls.some((allowed) => isBelow(url, allowed))) continue;
    const field = `spec.transforms: ${name}.connect.output.chunkedTransferEncodingStream.url`;
    return new RunError(
      'StreamAddressNotAllowed',
      `${field}: the policy does not allow ${withoutQuery(url)} (streamUrls)`,
    );
  }
  return undefined;
}

/** A query may hold a secret. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '');
}

function isBelow(url: string, allowed: string): boolean {
  if (!URL.canParse(url) || !URL.canParse(allowed)) return false;
  const [wanted, root] = [new URL(url), new URL(allowed)];
  if (wanted.username !== '' || wanted.password !== '' || /%(2f|5c)/i.test(wanted.pathname)) return false;
  const path = root.pathname.replace(/\/+$/, '');
  return (
    wanted.origin === root.origin && (wanted.pathname === path || wanted.pathname.startsWith(`${path}/`))
  );
}
