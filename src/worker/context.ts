import type { Writable } from 'node:stream';
import type { Engine } from '../docker/engine.ts';
import type { GirderJob } from '../girder/job/reported-job.ts';
import type { CreatedPath } from '../io/confined-change.ts';
import type { Logger } from '../support/log.ts';
import type { LiveReport } from './progress.ts';
import type { RunEnvironment, SharedVolume } from './run-environment.ts';
import type { Steps } from './plan.ts';

/** What a run is started with. */
export type RunOptions = {
  readonly environment: RunEnvironment;
  readonly report: LiveReport;
  /** The log of the run, byte for byte what the target writes; see openLog. */
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The worker's own log, which can be the same stream as `stderr`. */
  readonly log: Logger;
  /** Cancels the run; its reason is a RunError. */
  readonly signal: AbortSignal;
};

/**
 * What every part of a run gets, whole. Nothing in it changes: what a part makes is its result, and a part with a bound
 * of its own passes the context on with a narrower `signal`.
 */
export type RunContext = RunOptions & {
  readonly girderJob: GirderJob | undefined;
  readonly engine: Engine;
  readonly volumes: readonly SharedVolume[];
  readonly steps: Steps;
  readonly journal: Journal;
};

/** Gets each path of a volume just before the run makes it, so that the next attempt can remove it after a crash. */
export type Journal = { readonly note: (volume: SharedVolume, made: CreatedPath) => void };
