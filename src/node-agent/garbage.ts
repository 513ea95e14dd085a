import type { CollectorSettings } from './agent-config.ts';
import type { Disk } from './engine-health.ts';

/** Decides what a collector removes; times are milliseconds since 1970. */

/** A container with the label of a run, as the engine lists it. */
export type RunContainer = {
  readonly id: string;
  readonly state: string;
  readonly createdAt: number;
  /** Undefined while it runs, or if the engine does not say. */
  readonly finishedAt: number | undefined;
};

/** A container that never started has lost its worker in between. */
const neverStartedMs = 600_000;

/** Whether a container of a run is garbage: kept long enough, or left by a worker that died. */
export function isGarbage(
  { state, createdAt, finishedAt }: RunContainer,
  { keepContainersMs }: Pick<CollectorSettings, 'keepContainersMs'>,
  now: number,
): boolean {
  if (state === 'created') return now - createdAt > neverStartedMs;
  if (state !== 'exited' && state !== 'dead') return false;
  return now - (finishedAt ?? createdAt) > keepContainersMs;
}

/** An image of the engine; `lastUsed` is when a container used it, or when it was seen first. */
export type UnusedImage = { readonly id: string; readonly bytes: number; readonly lastUsed: number };

/**
 * The images to remove, the least recently used first. `images` are those that no container uses. Like the
 * kubelet, it removes nothing while there is enough space.
 */
export function imagesToRemove(
  images: readonly UnusedImage[],
  { disk, settings, now }: { disk: Disk; settings: CollectorSettings; now: number },
): UnusedImage[] {
  const { high, low } = settings.diskPercent;
  const used = disk.total - disk.free;
  if (disk.total === 0 || (used / disk.total) * 100 <= high) return [];
  let excess = used - (disk.total * low) / 100;
  const removed: UnusedImage[] = [];
  for (const image of images.toSorted((a, b) => a.lastUsed - b.lastUsed)) {
    if (excess <= 0) break;
    if (now - image.lastUsed < settings.imageUnusedMs) continue;
    removed.push(image);
    excess -= image.bytes;
  }
  return removed;
}
