import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { ConfigMapKeyReference, SecretKeyReference } from '../../api/fields.ts';
import { parseQuantity } from '../../api/quantity.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { GpuRequest } from '../../docker/create/gpu-request.ts';
import type { RegistryAuths } from '../../docker/pull/registry-auths.ts';
import { localAuths } from '../../docker/pull/local-auths.ts';
import { registryAuths } from '../../docker/pull/docker-config.ts';
import { useEgress } from '../../support/egress.ts';
import { describe } from '../../support/errors.ts';
import type { RunEnvironment } from '../../worker/run-environment.ts';
import { UsageError } from '../arguments.ts';
import type { AcceptedRun } from '../offline/validation.ts';
import {
  type EngineSide,
  type LocalDirectory,
  openLocalVolumes,
  realDockerVolumes,
  removeDirectory,
} from './local-volumes.ts';
import type { LocalSecrets } from './local-secrets.ts';

export type LocalParts = {
  readonly directory: LocalDirectory;
  readonly dockerSocket: string;
  readonly secrets: LocalSecrets;
  /** Origins to which Girder may redirect, as `girderRedirects` of a policy has them. */
  readonly girderRedirects: readonly string[];
  /** Aborts calls of credential helpers. */
  readonly signal: AbortSignal;
  /** Called with a message about a directory that cannot be removed. */
  readonly warn: (message: string) => void;
  readonly engineSide?: EngineSide | undefined;
};

/** An engine that restarts is back by then; one that is not installed never is. */
const engineAwayMs = 15_000;

/** The environment of a run without a cluster: this machine, its Docker Engine and its `docker login`. */
export async function localEnvironment(accepted: AcceptedRun, parts: LocalParts): Promise<RunEnvironment> {
  const { namespace, name } = accepted;
  const { directory, dockerSocket, secrets, girderRedirects, signal, warn, engineSide } = parts;
  const spec = engineSide === undefined ? await withRealPaths(accepted.spec) : accepted.spec;
  const run = { namespace, name, uid: randomUUID() };
  const attempt = 'local';
  const cleaner = { run, attempt, dockerSocket, image: spec.image };
  const remove = (path: string) => removeDirectory(path, cleaner, warn);
  return {
    run,
    spec,
    dockerSocket,
    engineName: 'The Docker Engine',
    engineAwayMs,
    attempt,
    mayBeRetried: false,
    openVolumes: () =>
      openLocalVolumes(spec, {
        directory: directory.path,
        remove,
        filesOf: (volume) => secrets.filesOf(volume),
        engineSide,
      }),
    spoolDirectory: directory.spool,
    girderRedirects,
    girderCredentials: async () => secrets.girderCredentials(spec.girder?.credentialsSecretRef?.name ?? ''),
    secretValue: async (reference: SecretKeyReference, field: string) => secrets.value(reference, field),
    configMapValue: async (reference: ConfigMapKeyReference, field: string) =>
      secrets.configMapValue(reference, field),
    registryAuths: async () =>
      withPullSecrets(engineSide?.auths ?? (await localAuths(spec.image, { signal })), spec, secrets),
    gpus: async (imageAsks) => gpusOf(spec) ?? (imageAsks ? { count: -1, optional: true } : undefined),
    cgroupParent: async () => undefined,
    memoryForTarget: async () => undefined,
  };
}

/**
 * Fails before anything is started on a machine where the files of a run cannot be confined to its volumes: they are
 * opened by way of /proc/self/fd. @throws UsageError
 */
export function checkMachine(): void {
  if (process.platform === 'linux' && existsSync('/proc/self/fd')) return;
  const found = process.platform === 'linux' ? 'there is no /proc here' : `this is ${process.platform}`;
  throw new UsageError(
    `dockerrun run needs Linux with /proc, and ${found}; with --remote it needs only a Docker Engine`,
  );
}

/** The variable that lists what {@link localRedirects} returns. */
const redirectsVariable = 'DOCKERRUN_GIRDER_REDIRECTS';

/** Origins separated by commas or spaces. @throws UsageError for what is no origin */
export function localRedirects(environment: NodeJS.ProcessEnv): string[] {
  const origins = (environment[redirectsVariable] ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  for (const origin of origins) {
    const url = URL.canParse(origin) ? new URL(origin) : undefined;
    const isOrigin = url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
    if (!isOrigin)
      throw new UsageError(
        `${redirectsVariable} must list schemes, hosts and ports, such as http://minio.example.internal:9000`,
      );
  }
  return origins;
}

/**
 * The certificates in the files that these variables name, in PEM. Node itself reads NODE_EXTRA_CA_CERTS.
 * @throws UsageError
 */
export async function localCaBundle(
  environment: NodeJS.ProcessEnv,
  variables: readonly string[] = ['SSL_CERT_FILE'],
): Promise<string | undefined> {
  const found: string[] = [];
  for (const variable of variables) {
    const file = environment[variable];
    if (!file) continue;
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new UsageError(`${variable} cannot be used: ${describe(error)}`);
    });
    found.push(text);
  }
  return found.length === 0 ? undefined : found.join('\n');
}

/**
 * The proxies and the CA bundle that curl and most other programs would use.
 * @param caBundle takes the place of the file in SSL_CERT_FILE
 * @throws UsageError for an invalid one
 */
export async function useLocalEgress(environment: NodeJS.ProcessEnv, caBundle?: string): Promise<void> {
  const value = (name: string) => environment[name.toLowerCase()] || environment[name];
  const certificates = caBundle ?? (await localCaBundle(environment));
  try {
    useEgress({
      caBundle: certificates,
      httpProxy: value('HTTP_PROXY') || value('ALL_PROXY'),
      httpsProxy: value('HTTPS_PROXY') || value('ALL_PROXY'),
      noProxy: value('NO_PROXY'),
    });
  } catch (error) {
    throw new UsageError(`the proxy variables or SSL_CERT_FILE cannot be used: ${describe(error)}`);
  }
}

async function withRealPaths(spec: DockerRunSpec): Promise<DockerRunSpec> {
  const { dockerVolumes } = spec;
  return dockerVolumes === undefined
    ? spec
    : { ...spec, dockerVolumes: await realDockerVolumes(dockerVolumes) };
}

/** Secrets in the file take precedence over `docker login`. */
function withPullSecrets(local: RegistryAuths, spec: DockerRunSpec, secrets: LocalSecrets): RegistryAuths {
  const given = registryAuths(secrets.pullSecrets(spec.imagePullSecrets ?? []));
  return { entries: [...given.entries, ...local.entries], advice: local.advice };
}

/** The resource name of NVIDIA's device plugin. */
const gpuResource = 'nvidia.com/gpu';

function gpusOf({ resources }: DockerRunSpec): GpuRequest | undefined {
  const limit = resources?.limits?.[gpuResource];
  const count = limit === undefined ? 0 : parseQuantity(limit);
  return count > 0 ? { count } : undefined;
}
