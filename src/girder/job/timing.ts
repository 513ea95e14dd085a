const kibi = 1024;

/** How a run speaks with its job: milliseconds and bytes. */
export type JobTiming = {
  /** From the first byte after a silence to the request that carries it, so that more can go along. */
  readonly soon: number;
  /** Between the end of one request and the next. */
  readonly spacing: number;
  /** Without anything to tell, the job is looked at so often: a cancel is seen no later. */
  readonly poll: number;
  /** The longest wait after a failure. */
  readonly retry: number;
  /** The shortest wait for an answer, once Girder has answered: a packet can be lost, and what waits behind it is the log. */
  readonly answer: number;
  /** For the job to be RUNNING; the run goes on without it. */
  readonly start: number;
  /** For the last of the log and the final state. */
  readonly finish: number;
  /** Log in one request. Girder keeps as many parts of a log as 4 MiB hold of the size of the last: larger parts push out more small ones. */
  readonly batch: number;
  /** Log that waits for Girder. */
  readonly waiting: number;
};

export const defaultJobTiming: JobTiming = {
  soon: 100,
  spacing: 700,
  poll: 2_000,
  retry: 5_000,
  answer: 3_000,
  start: 15_000,
  finish: 15_000,
  batch: 128 * kibi,
  waiting: 1024 * kibi,
};
