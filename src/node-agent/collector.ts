import { isRecord, numberOf, textOf } from '../api/json-values.ts';
import { labels } from '../api/names.ts';
import { createdAtMs, idOf } from '../docker/container-state.ts';
import { engineCall } from '../docker/engine-call.ts';
import { connectEngine, type Engine } from '../docker/engine.ts';
import { removeContainer } from '../docker/remove-container.ts';
import { describe } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { CollectorSettings } from './agent-config.ts';
import type { Disk } from './engine-health.ts';

type CollectorOptions = {
  readonly dockerSocket: string;
  readonly settings: CollectorSettings;
  /** The engine's disk now. */
  readonly disk: () => Promise<Disk | undefined>;
  readonly onRemoved: (kind: 'container' | 'image', bytes: number) => void;
  readonly log: Logger;
};

/** Removes what nobody removes: kept containers, leftovers of dead workers, images while the disk is full. */
export class Collector {
  readonly #options: CollectorOptions;
  /** When each image was last used, or seen first; the engine does not say. In milliseconds since 1970. */
  readonly #lastUsed = new Map<string, number>();

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** One pass. What cannot be removed is logged, and tried again in the next. */
  async collect(signal: AbortSignal): Promise<void> {
    const engine = await connectEngine({ socketPath: this.#options.dockerSocket, signal, restartMs: 0 });
    await this.#removeContainers(engine, signal);
    await this.#removeImages(engine, signal);
  }

  async #removeContainers(engine: Engine, signal: AbortSignal): Promise<void> {
    const { settings, onRemoved } = this.#options;
    for (const container of await runContainers(engine, signal)) {
      if (!isGarbage(container, settings, Date.now())) continue;
      await this.#try(`container ${container.id}`, signal, async () => {
        await removeContainer(engine, container.id, signal);
        onRemoved('container', 0);
      });
    }
  }

  async #removeImages(engine: Engine, signal: AbortSignal): Promise<void> {
    const { settings, onRemoved, disk } = this.#options;
    const unused = await this.#unusedImages(engine, signal);
    const before = await disk();
    if (before === undefined) return;
    for (const { id, bytes } of imagesToRemove(unused, { disk: before, settings, now: Date.now() })) {
      await this.#try(`image ${id}`, signal, async () => {
        await removeImage(engine, id, signal);
        onRemoved('image', bytes);
      });
    }
  }

  async #unusedImages(engine: Engine, signal: AbortSignal): Promise<UnusedImage[]> {
    const now = Date.now();
    const containers = await engineCall<unknown>({ signal }, (abortSignal) =>
      engine.docker.listContainers({ all: true, abortSignal }),
    );
    const used = new Set(records(containers).map((one) => textOf(one['ImageID'])));
    const listed = await engineCall<unknown>({ signal }, () => engine.docker.listImages());
    const images = records(listed).map((one) => ({
      id: textOf(one['Id']) ?? '',
      bytes: numberOf(one['Size']) ?? 0,
    }));
    const present = new Set(images.map(({ id }) => id));
    for (const id of this.#lastUsed.keys()) if (!present.has(id)) this.#lastUsed.delete(id);
    for (const { id } of images) if (used.has(id) || !this.#lastUsed.has(id)) this.#lastUsed.set(id, now);
    return images
      .filter(({ id }) => id !== '' && !used.has(id))
      .map((image) => ({ ...image, lastUsed: this.#lastUsed.get(image.id) ?? now }));
  }

  async #try(what: string, signal: AbortSignal, remove: () => Promise<void>): Promise<void> {
    const { log } = this.#options;
    try {
      await remove();
      log.info(`removed ${what}`);
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ error: describe(error) }, `cannot remove ${what}`);
    }
  }
}

async function runContainers(engine: Engine, signal: AbortSignal): Promise<RunContainer[]> {
  const filters = JSON.stringify({ label: [labels.runUid], status: ['created', 'exited', 'dead'] });
  const listed = await engineCall<unknown>({ signal }, (abortSignal) =>
    engine.docker.listContainers({ all: true, filters, abortSignal }),
  );
  const found: RunContainer[] = [];
  for (const one of records(listed)) {
    const id = idOf(one['Id']);
    if (id === undefined) continue;
    const container = engine.docker.getContainer(id);
    const inspected = await engineCall<unknown>({ signal }, (abortSignal) =>
      container.inspect({ abortSignal }),
    ).catch(() => undefined);
    const state = isRecord(inspected) && isRecord(inspected['State']) ? inspected['State'] : {};
    const finished = Date.parse(textOf(state['FinishedAt']) ?? '');
    found.push({
      id,
      state: textOf(one['State']) ?? '',
      createdAt: createdAtMs({
        created: numberOf(one['Created']) ?? 0,
        labels: isRecord(one['Labels']) ? one['Labels'] : {},
      }),
      // An engine reports the year 1 for a container that has not ended.
      finishedAt: finished > 0 ? finished : undefined,
    });
  }
  return found;
}

/** Removes each name of an image, and with the last one its layers. The engine refuses one that is in use. */
async function removeImage({ docker }: Engine, id: string, signal: AbortSignal): Promise<void> {
  const inspected = await engineCall<unknown>({ signal }, () => docker.getImage(id).inspect());
  const names = isRecord(inspected) && Array.isArray(inspected['RepoTags']) ? inspected['RepoTags'] : [];
  const tags = names.filter((name) => typeof name === 'string');
  for (const name of tags.length === 0 ? [id] : tags) {
    await engineCall<unknown>({ signal, timeoutMs: 120_000 }, () => docker.getImage(name).remove());
  }
}

function records(list: unknown): Record<string, unknown>[] {
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

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
type UnusedImage = { readonly id: string; readonly bytes: number; readonly lastUsed: number };

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
