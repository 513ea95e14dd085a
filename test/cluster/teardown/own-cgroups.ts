import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dockerCgroupParent } from '../parts/docker-engine.ts';

const root = '/sys/fs/cgroup';
const tries = 30;
const pollMillis = 100;

/** The cluster's cgroups: on version 1 in each controller's hierarchy, on version 2 in the one. */
export function ownCgroups(): string[] {
  const isUnified = existsSync(join(root, 'cgroup.controllers'));
  const hierarchies = isUnified ? [root] : readdirSync(root).map((name) => join(root, name));
  return hierarchies
    .flatMap((hierarchy) => ['kubepods', dockerCgroupParent].map((name) => join(hierarchy, name)))
    .filter((path) => existsSync(path));
}

function removeTree(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(path, entry.name));
  }
  rmdirSync(path);
}

/** Removes the cgroups; a killed process may keep its own busy for a moment, so it tries for some seconds. */
export async function removeOwnCgroups(signal: AbortSignal): Promise<void> {
  for (let left = tries; left > 0; left--) {
    for (const path of ownCgroups()) {
      try {
        removeTree(path);
      } catch {
        // Busy, or the second name of a hierarchy that was removed under the first.
      }
    }
    if (ownCgroups().length === 0) return;
    await sleep(pollMillis, undefined, { signal });
  }
}
