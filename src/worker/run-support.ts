import { Writable } from 'node:stream';
import type { RunContext } from './context.ts';

/** A way into the run's log and its Girder job's for one stream, whose bytes no other stream can split. */
export function openLog(context: RunContext, stream: 'stdout' | 'stderr'): Writable {
  const { girderJob } = context;
  return girderJob === undefined ? context[stream] : tee(context[stream], girderJob.sink());
}

/** Writes everything to `main`, at its pace, and to `copy`, which has to keep up; neither can break the other. */
function tee(main: Writable, copy: Writable): Writable {
  return new Writable({
    highWaterMark: main.writableHighWaterMark,
    write(chunk: Buffer, _encoding, done) {
      copy.write(chunk);
      main.write(chunk, () => done());
    },
  });
}
