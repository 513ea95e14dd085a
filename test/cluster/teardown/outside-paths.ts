import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cniNetworkName } from '../parts/cni-config.ts';
import { podLogs } from '../parts/kubelet.ts';

const shimSockets = '/run/containerd/s';
const devicePluginDir = '/var/lib/kubelet/device-plugins';

/** Directories outside the cluster's own that its programs insist on, innermost first. */
const outsideDirectories = [
  '/var/log/containers',
  devicePluginDir,
  '/var/lib/kubelet',
  '/var/lib/cni/results',
  '/var/lib/cni',
  shimSockets,
  '/run/containerd',
  '/run/docker/plugins',
  '/run/docker',
] as const;

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Sockets of dead shims: containerd forgets them in a power cut, and nobody can revive one. */
function deadShimSockets(): string[] {
  const listening = new Set(
    readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .map((line) => line.split(' ').at(-1)),
  );
  return list(shimSockets)
    .map((name) => join(shimSockets, name))
    .filter((path) => !listening.has(path));
}

/** Files outside the cluster's directories that belong to it. */
export function outsideFiles(): string[] {
  const logs = list('/var/log/containers').map((name) => join('/var/log/containers', name));
  const results = list('/var/lib/cni/results').filter(
    (name) => name.startsWith(`${cniNetworkName}-`) || name.startsWith('cni-loopback-'),
  );
  const devicePlugins = ['kubelet.sock', 'kubelet_internal_checkpoint'].map((name) =>
    join(devicePluginDir, name),
  );
  return [
    ...devicePlugins.filter((path) => existsSync(path)),
    ...logs.filter((path) => linkTarget(path).startsWith(podLogs)),
    ...results.map((name) => join('/var/lib/cni/results', name)),
    ...deadShimSockets(),
  ];
}

/** Deletes those files, and the directories that are empty then. */
export function removeOutside(): void {
  for (const path of outsideFiles()) rmSync(path, { recursive: true, force: true });
  for (const directory of outsideDirectories) {
    try {
      rmdirSync(directory);
    } catch {
      // Not there, or somebody else uses it too.
    }
  }
}
