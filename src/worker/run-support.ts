import type { Writable } from 'node:stream';
import type { GirderJob } from '../girder/job/job.ts';
import type { Logger } from '../support/log.ts';
import type { LiveReport } from './live-report.ts';
import { tee } from './streams/tee.ts';

/** Whom a run tells what, and what cancels it. */
export type RunSupport = {
  readonly report: LiveReport;
  /** The log of the run, byte for byte what the target writes; see openLog. */
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The run's job in Girder, if it has one. */
  readonly job?: GirderJob | undefined;
};

/** A way into the run's log, and that of its job, for one stream of bytes: what others write cannot come between. */
export function openLog({ job, ...logs }: RunSupport, stream: 'stdout' | 'stderr'): Writable {
  return job === undefined ? logs[stream] : tee(logs[stream], job.sink());
}
