/** Time for code that waits: the real one, or one that a test moves by hand. */
export type Clock = {
  /** Milliseconds from some moment on; never goes back. */
  now(): number;
  /** Calls `ring` once, after `milliseconds`; returns a function that cancels that. */
  after(milliseconds: number, ring: () => void): () => void;
};

export const realClock: Clock = {
  now: () => performance.now(),
  after: (milliseconds, ring) => {
    const timeout = setTimeout(ring, milliseconds);
    return () => clearTimeout(timeout);
  },
};
