import { text } from 'node:stream/consumers';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import type { DockerRunSpec } from '../../../../src/api/spec.ts';
import { LiveReport } from '../../../../src/worker/progress.ts';
import { runOnce } from '../../../../src/worker/run.ts';
import { environmentAt } from './chunk-lab.ts';

/** An attempt in a process that a test can kill; what it runs is JSON on its stdin. */
const work = JSON.parse(await text(process.stdin)) as {
  readonly directory: string;
  readonly spec: DockerRunSpec;
  readonly uid: string;
  readonly attempt: string;
};

await runOnce({
  environment: environmentAt(work.directory, work.spec, work),
  report: new LiveReport(),
  stdout: new PassThrough().resume(),
  stderr: new PassThrough().resume(),
  log: pino({ enabled: false }),
  signal: new AbortController().signal,
});
