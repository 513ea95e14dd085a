import { useEffect, useState } from 'preact/hooks';
import type { RunSummary, SetSummary, Update } from '../ui-messages.ts';
import type { PageClient } from './page-client.ts';

/** Milliseconds before the updates are asked for again after their connection was lost. */
const retryMs = 1_500;

/** What the page knows of all runs and sets. Components read it in `useStore`. */
export class PageStore {
  readonly runs = new Map<string, RunSummary>();
  readonly sets = new Map<string, SetSummary>();
  namespace: string | undefined;
  isComplete = false;
  isLive = true;
  /** Why there are no updates at the moment. */
  problem: string | undefined;
  readonly #listeners = new Set<() => void>();
  #isDrawn = true;

  /** Follows the updates for as long as the page is open. */
  async follow(client: PageClient): Promise<never> {
    for (;;) {
      try {
        let isFirst = true;
        await client.updates((update) => {
          // After a lost connection, what was deleted meanwhile is not in the new list.
          if (isFirst) this.#clear();
          isFirst = false;
          this.#apply(update);
        }, new AbortController().signal);
        this.problem = 'The connection to dockerrun ui was lost.';
      } catch (error) {
        this.problem = error instanceof Error ? error.message : String(error);
      }
      this.#draw();
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #clear(): void {
    this.runs.clear();
    this.sets.clear();
    this.isComplete = false;
  }

  #apply(update: Update): void {
    for (const run of update.runs) this.runs.set(run.key, run);
    for (const set of update.sets) this.sets.set(set.key, set);
    for (const key of update.goneRuns) this.runs.delete(key);
    for (const key of update.goneSets) this.sets.delete(key);
    this.isComplete = update.isComplete;
    this.isLive = update.isLive;
    this.namespace = update.namespace;
    this.problem = undefined;
    this.#draw();
  }

  /** Once per frame at most, however many updates arrive. */
  #draw(): void {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    const draw = () => {
      this.#isDrawn = true;
      for (const listener of this.#listeners) listener();
    };
    // A hidden tab has no frames.
    if (document.hidden) setTimeout(draw, 100);
    else requestAnimationFrame(draw);
  }
}

/** Draws the component again after each change of the store. */
export function useStore(store: PageStore): void {
  const [, setCount] = useState(0);
  useEffect(() => store.subscribe(() => setCount((count) => count + 1)), [store]);
}

/** The present time in milliseconds, which advances once a second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
