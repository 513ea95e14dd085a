import { statfs } from 'node:fs/promises';
import { ping } from '../docker/engine-wait.ts';
import { describe } from '../support/errors.ts';

/** Bytes of the engine's disk; `free` is what is left for it. */
export type Disk = { readonly total: number; readonly free: number };

/** How long a good answer counts, in milliseconds; longer than a ping may take and the pause before it. */
const freshMs = 15_000;

/** Below it, the engine can neither pull an image nor create a container. */
const leastFree = 0.02;

/** What the agent knows of the engine of its node. */
export class EngineHealth {
  readonly #options: { readonly dockerSocket: string; readonly dockerRoot: string };
  #answeredAt = -Infinity;
  #problem = 'the engine was not asked yet';
  disk: Disk | undefined;

  constructor(options: { readonly dockerSocket: string; readonly dockerRoot: string }) {
    this.#options = options;
  }

  /** Asks the engine; takes at most 5 s and never rejects. */
  async look(signal: AbortSignal): Promise<void> {
    const { dockerSocket, dockerRoot } = this.#options;
    try {
      await ping(dockerSocket, signal);
      this.#answeredAt = performance.now();
    } catch (error) {
      this.#problem = describe(error);
    }
    this.disk = await diskOf(dockerRoot);
  }

  /** True while the engine answers, whatever its disk. */
  get answers(): boolean {
    return performance.now() - this.#answeredAt < freshMs;
  }

  /** Why no target can run here; undefined when one can. */
  get problem(): string | undefined {
    if (!this.answers) return this.#problem;
    const { disk } = this;
    if (disk === undefined || disk.free >= disk.total * leastFree) return undefined;
    return `the disk of the Docker Engine is full: ${disk.free} of ${disk.total} bytes are free`;
  }
}

/** Undefined if the directory is not there: an engine without a known disk can still run targets. */
async function diskOf(path: string): Promise<Disk | undefined> {
  try {
    const { blocks, bavail, bsize } = await statfs(path);
    return { total: blocks * bsize, free: bavail * bsize };
  } catch {
    return undefined;
  }
}
