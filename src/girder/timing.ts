/** How long each kind of silence may last, in milliseconds. */
export type Timing = {
  /** For a document, or for the head of a download. */
  readonly answer: number;
  /** Without a byte of a download while we are ready for it, or without a byte taken of an upload. */
  readonly stall: number;
  /** For the answer to the end of a chunk: Girder hashes, stores and runs its plugins' listeners before it. */
  readonly store: number;
};

export const defaultTiming: Timing = { answer: 30_000, stall: 60_000, store: 300_000 };
