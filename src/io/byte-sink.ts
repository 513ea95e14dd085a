/**
 * Where the bytes of a stream go. `write` gives a promise when the caller must wait for it before the next chunk; the
 * memory of a chunk is only valid until then (or until `write` returns, when it gives none), since one buffer is
 * filled again and again. An error of the sink ends the stream.
 */
export type ByteSink = {
  write(chunk: Buffer): Promise<void> | undefined;
  /** Everything so far was in vain, the stream begins anew; a sink that cannot do that throws. */
  restart(): Promise<void>;
};
