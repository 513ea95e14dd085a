import { existsSync } from 'node:fs';
import { layout } from '../layout.ts';
import { ownCgroups } from './own-cgroups.ts';
import { ownMounts } from './own-mounts.ts';
import { isOwnLink, withoutOwnRules } from './own-network.ts';
import { ownProcesses } from './own-processes.ts';
import { outsideFiles } from './outside-paths.ts';
import { takeSnapshot, type Snapshot } from './snapshot.ts';

function added(before: readonly string[] | undefined, now: readonly string[]): string[] {
  return now.filter((item) => before?.includes(item) !== true);
}

/**
 * What the cluster left on the machine, one line each. With a snapshot from before, new links, namespaces and firewall
 * rules count, regardless of who made them; without one, those that look like the cluster's.
 */
export async function findLeftovers(before: Snapshot | undefined, signal: AbortSignal): Promise<string[]> {
  const now = await takeSnapshot(signal);
  const links = before === undefined ? now.links.filter(isOwnLink) : added(before.links, now.links);
  const rules =
    before === undefined
      ? now.firewall.filter((rule) => withoutOwnRules(rule) === '')
      : added(before.firewall, now.firewall);
  const files = [layout.state, layout.run].filter((path) => existsSync(path));
  return [
    ...ownProcesses().map(({ pid, commandLine }) => `process ${pid}: ${commandLine.slice(0, 120)}`),
    ...ownMounts().map((path) => `mount ${path}`),
    ...links.map((name) => `link ${name}`),
    ...added(before?.namespaces, before === undefined ? [] : now.namespaces).map(
      (name) => `network namespace ${name}`,
    ),
    ...rules.map((rule) => `firewall rule ${rule}`),
    ...ownCgroups().map((path) => `cgroup ${path}`),
    ...[...files, ...outsideFiles()].map((path) => `file ${path}`),
  ];
}
