import type { SecretKeyReference } from './fields.ts';
import type { DockerRunSpec } from './spec.ts';

/** A Secret that a run refers to, and which of its keys. */
export type SecretKeys = { readonly name: string; readonly keys: readonly string[] };

/** The Secrets whose keys a run names one by one, always in the same order. */
export function secretKeysOf(spec: DockerRunSpec): SecretKeys[] {
  const secrets = new Map<string, Set<string>>();
  for (const { name, key } of referencesOf(spec)) {
    const keys = secrets.get(name) ?? new Set();
    secrets.set(name, keys.add(key));
  }
  return Array.from(secrets, ([name, keys]) => ({ name, keys: [...keys] }));
}

function referencesOf(spec: DockerRunSpec): SecretKeyReference[] {
  const headers = (spec.transforms ?? []).flatMap(
    ({ connect }) => connect?.output.chunkedTransferEncodingStream?.headers ?? [],
  );
  const values = [...(spec.env ?? []), ...headers].flatMap(({ valueFrom }) =>
    valueFrom === undefined ? [] : [valueFrom.secretKeyRef],
  );
  const token = spec.girder?.job?.tokenSecretRef;
  return token === undefined ? values : [...values, token];
}
