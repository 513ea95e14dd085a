/** The body of a request. */
export type ByteSource = {
  /** Fills memory that stays the caller's with the next bytes and tells how many; 0 at the end. */
  next(into: Buffer): Promise<number>;
  /** The memory to use for the whole body. */
  readonly buffer: Buffer;
};
