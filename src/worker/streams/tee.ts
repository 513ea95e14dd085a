import { Writable } from 'node:stream';

/** Writes everything to `main`, at its pace, and to `copy`, which has to keep up; neither can break the other. */
export function tee(main: Writable, copy: Writable): Writable {
  return new Writable({
    highWaterMark: main.writableHighWaterMark,
    write(chunk: Buffer, _encoding, done) {
      copy.write(chunk);
      main.write(chunk, () => done());
    },
  });
}
