import type { Writable } from 'node:stream';
import type { Engine } from '../docker/engine.ts';
import type { GirderJob } from '../girder/job/reported-job.ts';
import type { CreatedPath } from '../io/confined-change.ts';
import type { Logger } from '../support/log.ts';
import type { Preparation } from './preparation.ts';
import type { LiveReport } from './progress.ts';
import type { RunEnvironment, SharedVolume } from './run-environment.ts';
import type { Steps } from './plan.ts';

export type RunOptions = {
  readonly environment: RunEnvironment;
  readonly report: LiveReport;
  /** The log of the run: exactly the bytes that the target writes; see openLog. */
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The worker's own log; may write to the same stream as `stderr`. */
  readonly log: Logger;
  /** Cancels the run; its reason is a RunError. */
  readonly signal: AbortSignal;
};

/** What there is of a run before its steps are planned. */
export type OpenedRun = RunOptions & {
  readonly girderJob: GirderJob | undefined;
  /** The time until the target starts. */
  readonly preparation: Preparation;
  readonly engine: Engine;
  readonly volumes: readonly SharedVolume[];
  readonly journal: Journal;
};

/**
 * Passed whole to every part of a run, and never changed: a part returns what it makes, and a part with a
 * deadline of its own passes the context on with a narrower `signal`.
 */
export type RunContext = OpenedRun & { readonly steps: Steps };

/** Records a path in a volume just before it is created, for a later attempt to remove it after a crash. */
export type Journal = { readonly note: (volume: SharedVolume, made: CreatedPath) => void };
