import { readFileSync } from 'node:fs';

const sampleMs = 1_000;

/** How long a death may take to be told: kernel, containerd and engine hand it on, each late on a busy node. */
const windowSamples = 5;

/**
 * Watches how often the kernel killed for want of memory on this node, in whatever container: `oom_kill` in
 * /proc/vmstat, which no namespace hides. On a busy node the engine can miss why a container was killed (it learns of
 * it through an event of a cgroup that is gone by then), and this tells it, as long as nobody else ran out of memory in
 * the same seconds. It must be there before the target starts: some run out of memory within milliseconds.
 */
export class OomKills implements Disposable {
  /** The last few samples, the oldest first; never empty. */
  #samples: readonly (number | undefined)[] = [countKills()];
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => {
      this.#samples = [...this.#samples, countKills()].slice(-windowSamples);
    }, sampleMs).unref();
  }

  /** Whether somebody was killed so within the last seconds; false where the kernel does not tell. */
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
