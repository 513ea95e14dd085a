import { readFileSync } from 'node:fs';

const sampleMs = 1_000;

/**
 * Watches how often the kernel killed for want of memory on this node, in whatever container: `oom_kill` in
 * /proc/vmstat, which no namespace hides. On a busy node the engine can miss why a container was killed (it learns of
 * it through an event of a cgroup that is gone by then), and this tells it, as long as nobody else ran out of memory in
 * the same second.
 */
export class OomKills implements Disposable {
  /** The newest sample, and the one before it: a death is at most a moment younger than the newest. */
  #samples: readonly [number | undefined, number | undefined];
  readonly #timer: NodeJS.Timeout;

  constructor() {
    const now = countKills();
    this.#samples = [now, now];
    this.#timer = setInterval(() => {
      this.#samples = [this.#samples[1], countKills()];
    }, sampleMs).unref();
  }

  /** Whether somebody was killed so within the last second or two; false where the kernel does not tell. */
  get grewLately(): boolean {
    const [before] = this.#samples;
    const now = countKills();
    return before !== undefined && now !== undefined && now > before;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function countKills(): number | undefined {
  try {
    const count = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}
