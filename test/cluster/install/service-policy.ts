import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/** Debian asks this program before a package starts a service. */
const policyPath = '/usr/sbin/policy-rc.d';
/** Others install policies of the same meaning, for example in container images: the second line makes it ours. */
const ours = '#!/bin/sh\n# Made by DockerRun for the time of an installation.\nexit 101\n';

function currentPolicy(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** Keeps docker.io and containerd from starting services of their own, which would fight the cluster's over the firewall. */
export async function withoutServices(work: () => Promise<void>, path = policyPath): Promise<void> {
  if (currentPolicy(path) === undefined) writeFileSync(path, ours, { mode: 0o755 });
  try {
    await work();
  } finally {
    removeServicePolicy(path);
  }
}

/** Removes our policy, also one that a power cut during an installation left; another's stays. */
export function removeServicePolicy(path = policyPath): void {
  const policy = currentPolicy(path);
  // A power cut can also leave a file without its contents.
  if (policy === ours || policy === '') rmSync(path);
}
