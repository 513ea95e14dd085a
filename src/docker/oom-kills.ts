import { readFileSync } from 'node:fs';

const sampleMs = 1_000;

/** Covers the delay until a kill is reported through kernel, containerd and engine on a busy node. */
const windowSamples = 5;

/**
 * Counts how often the kernel killed a process for lack of memory on this node, in any container: `oom_kill`
 * in /proc/vmstat, which no namespace hides. A busy engine can miss why a container was killed, because the
 * event comes from a cgroup that is already gone; the counter then shows it, unless another container ran out
 * of memory in the same seconds. Create it before the target starts: some run out of memory in milliseconds.
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

  /** True when the count grew within the last 5 s; false when the kernel does not report it. */
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
