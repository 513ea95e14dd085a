import { Writable } from 'node:stream';
import type { JobOptions } from '../../../src/girder/job/opening.ts';
import { GirderJob } from '../../../src/girder/job/reported-job.ts';
import type { JobTiming } from '../../../src/girder/job/route.ts';
import { createLogger } from '../../../src/support/log.ts';
import { aJob, type MadeJob, type WantedJob } from '../../e2e/support/girder-job.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { girderEnvironment } from './real-girder.ts';

/** A job in the real Girder, behind a proxy that counts requests and injects faults; log lines are kept. */
export class JobUnderTest implements AsyncDisposable {
  readonly made: MadeJob;
  readonly proxy: FaultProxy;
  readonly job: GirderJob;
  readonly logged: string[];

  private constructor(made: MadeJob, proxy: FaultProxy, job: GirderJob, logged: string[]) {
    this.made = made;
    this.proxy = proxy;
    this.job = job;
    this.logged = logged;
  }

  static async open(
    wanted: WantedJob = {},
    timing: Partial<JobTiming> = {},
    more: Partial<JobOptions> = {},
  ): Promise<JobUnderTest> {
    const made = await aJob(wanted);
    const proxy = await FaultProxy.start(girderEnvironment().apiUrl);
    const logged: string[] = [];
    const kept = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        logged.push(chunk.toString());
        done();
      },
    });
    const log = createLogger('debug', kept);
    const signal = AbortSignal.timeout(60_000);
    const job = await GirderJob.open({ apiUrl: proxy.url, ...made, signal, log, timing, ...more });
    return new JobUnderTest(made, proxy, job, logged);
  }

  /** The number of changes requested so far. */
  get puts(): number {
    return this.proxy.requests('PUT', '/job/').length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.job.close();
    await this.proxy[Symbol.asyncDispose]();
  }
}
