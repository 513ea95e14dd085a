import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigMapKeyReference, SecretKeyReference } from '../../api/fields.ts';
import { type RunPlan, secretKeyFile, workerPaths } from '../../api/run-plan.ts';
import { configMapKeysOf, secretKeysOf } from '../../api/spec-usage.ts';
import type { RegistryAuths } from '../../docker/pull/registry-auths.ts';
import { configJsonKey, configKey, type PullSecret, registryAuths } from '../../docker/pull/docker-config.ts';
import type { GirderCredentials } from '../../girder/credentials.ts';
import { mountedCredentials } from '../../girder/mounted-credentials.ts';
import { errorCode, RunError } from '../../support/errors.ts';

/** The credentials in the Secret of spec.girder.credentialsSecretRef. @throws RunError SecretIncomplete */
export async function girderCredentials({ run, spec }: RunPlan): Promise<GirderCredentials> {
  const name = spec.girder?.credentialsSecretRef?.name ?? '';
  const secret = `Secret ${name} in namespace ${run.namespace} (spec.girder.credentialsSecretRef)`;
  return mountedCredentials(workerPaths.girderSecret, secret);
}

/**
 * The value of a key of a Secret, unchanged.
 * @param field the field of the spec that refers to the key, for the message
 * @throws RunError SecretIncomplete
 */
export function secretValue(plan: RunPlan, reference: SecretKeyReference, field: string): Promise<string> {
  const mounted = { kind: 'Secret', used: secretKeysOf(plan.spec), directoryOf: workerPaths.secretKeys };
  return mountedValue(plan, mounted, reference, field);
}

/** As {@link secretValue}, of a ConfigMap. @throws RunError SecretIncomplete */
export function configMapValue(
  plan: RunPlan,
  reference: ConfigMapKeyReference,
  field: string,
): Promise<string> {
  const { configMapKeys: directoryOf } = workerPaths;
  const mounted = { kind: 'ConfigMap', used: configMapKeysOf(plan.spec), directoryOf };
  return mountedValue(plan, mounted, reference, field);
}

/** Objects of one kind whose keys the pod mounts as files, each in the directory of its index. */
type MountedObjects = {
  readonly kind: string;
  readonly used: ReturnType<typeof secretKeysOf>;
  readonly directoryOf: (index: number) => string;
};

async function mountedValue(
  { run }: RunPlan,
  { kind, used, directoryOf }: MountedObjects,
  { name, key }: SecretKeyReference,
  field: string,
): Promise<string> {
  const index = used.findIndex((one) => one.name === name);
  const file = secretKeyFile(used[index]?.keys.indexOf(key) ?? -1);
  const value = await textOfFile(join(directoryOf(index), file));
  if (value !== undefined) return value;
  const text = `${kind} ${name} in namespace ${run.namespace} (${field}) has no key ${key}`;
  throw new RunError('SecretIncomplete', text);
}

/**
 * The credentials in spec.imagePullSecrets. As for a pod, a Secret that does not exist is ignored; it is
 * named in the advice if the pull is refused.
 * @throws RunError SecretIncomplete if a Secret has no credentials for registries
 */
export async function podRegistryAuths({ run, spec }: RunPlan): Promise<RegistryAuths> {
  const names = (spec.imagePullSecrets ?? []).map(({ name }) => name);
  const secrets = await Promise.all(names.map((name, index) => pullSecret(name, index)));
  const existing = secrets.filter((secret) => secret !== undefined);
  const { entries, advice } = registryAuths(existing);
  const missing = names.filter((_, index) => secrets[index] === undefined).join(', ');
  if (missing === '') return { entries, advice };
  const absence = `the Secret ${missing} of spec.imagePullSecrets does not exist in namespace ${run.namespace}`;
  return {
    entries,
    advice: (host) => (existing.length === 0 ? absence : `${advice(host)}, and ${absence}`),
  };
}

async function pullSecret(name: string, index: number): Promise<PullSecret | undefined> {
  const directory = workerPaths.pullSecret(index);
  // The kubelet adds `..data` and the like, also for a Secret that does not exist.
  const keys = (await readdir(directory)).filter((key) => !key.startsWith('..'));
  if (keys.length === 0) return undefined;
  const data = {
    [configJsonKey]: await textOfFile(join(directory, configJsonKey)),
    [configKey]: await textOfFile(join(directory, configKey)),
  };
  return { name, data };
}

async function textOfFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
