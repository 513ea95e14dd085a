import type { Writable } from 'node:stream';
import { labels } from '../api/names.ts';
import { connectEngine, type Engine } from '../docker/engine.ts';
import { ensureImage } from '../docker/ensure-image.ts';
import { removeLeftovers } from '../docker/leftovers.ts';
import { runContainer } from '../docker/run-container.ts';
import type { GirderClient } from '../girder/client.ts';
import { openGirder } from '../girder/open-girder.ts';
import { RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { LiveReport } from './live-report.ts';
import type { Setting } from './setting.ts';
import { stageIn } from './stage-in.ts';
import { stageOut } from './stage-out.ts';
import { StagedFiles } from './staged-files.ts';
import { type Steps, stepsOf } from './steps.ts';
import { pullPolicy, targetFailure, targetOptions, targetStatus } from './target.ts';

export type RunSupport = {
  report: LiveReport;
  stdout: Writable;
  stderr: Writable;
  log: Logger;
  signal: AbortSignal;
};

/** What a target gets between SIGTERM and SIGKILL, Docker's own default. */
const stopGraceMs = 10_000;

/**
 * Does a whole run: check the engine → pull ‖ download → create, attach, start, pump, wait → upload → clean up.
 * Resolves when the run succeeded; rejects with why it did not. Every phase stops when the signal aborts, and then
 * nothing is uploaded. Whatever happens, nothing of the run is left on the node or in Girder.
 */
export async function runOnce(setting: Setting, support: RunSupport): Promise<void> {
  const steps = stepsOf(setting.spec, setting.volumes);
  const staged = new StagedFiles();
  let girder: GirderClient | undefined;
  try {
    const prepared = await withStartDeadline(setting, support.signal, async (signal) => {
      const engine = await connectEngine({ socketPath: setting.dockerSocket, signal });
      const { runUid, attempt } = labels;
      await removeLeftovers(engine, { labels: { runUid, attempt }, runUid: setting.run.uid, signal });
      await staged.begin(setting.run.uid, steps.downloads);
      girder = await connectGirder(setting, steps, { ...support, signal });
      return prepare(setting, { engine, girder, steps, staged, support: { ...support, signal } });
    });
    await runTarget(setting, { ...prepared, steps, support });
    support.report.phase = 'Uploading';
    if (girder !== undefined) await stageOut(girder, steps.uploads, support);
  } finally {
    await staged.remove(support.log);
    await girder?.close();
  }
}

/** Runs the work of preparing under its own clock; when that is what ended it, says so. */
async function withStartDeadline<T>(
  { spec }: Setting,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const error = new RunError(
    'StartDeadlineExceeded',
    `the image was not pulled and the inputs were not downloaded within ${spec.startDeadlineSeconds} s`,
  );
  const timer = setTimeout(() => late.abort(error), Math.min(spec.startDeadlineSeconds * 1000, 2 ** 31 - 1));
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } catch (thrown) {
    signal.throwIfAborted();
    late.signal.throwIfAborted();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

async function connectGirder(
  setting: Setting,
  steps: Steps,
  { signal, log }: RunSupport,
): Promise<GirderClient | undefined> {
  const { girder } = setting.spec;
  // Nothing to move, nothing to ask for: such a run must not depend on Girder.
  if (girder === undefined || steps.downloads.length + steps.uploads.length === 0) return undefined;
  const credentials = await setting.girderCredentials();
  return openGirder({ apiUrl: girder.apiUrl, credentials, signal, log });
}

type Preparation = {
  engine: Engine;
  girder: GirderClient | undefined;
  steps: Steps;
  staged: StagedFiles;
  support: RunSupport;
};

/** Pulls and downloads at once; the first failure stops the other. */
async function prepare(setting: Setting, { engine, girder, steps, staged, support }: Preparation) {
  const { report } = support;
  const failed = new AbortController();
  const signal = AbortSignal.any([support.signal, failed.signal]);
  const stopOther = (error: unknown): never => {
    failed.abort(error);
    throw error;
  };
  const pull = ensureImage(engine, {
    image: setting.spec.image,
    policy: pullPolicy(setting.spec),
    onProgress: (bytes, total, message) =>
      report.pulling(`Pulling ${setting.spec.image}: ${message}`, bytes, total),
    signal,
  }).catch(stopOther);
  const download =
    girder === undefined
      ? Promise.resolve(new Map<string, string>())
      : stageIn(girder, steps.downloads, { report, staged, signal }).catch(stopOther);
  await Promise.allSettled([pull, download]);
  support.signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return { engine, downloaded: await download };
}

async function runTarget(
  setting: Setting,
  run: { engine: Engine; steps: Steps; downloaded: ReadonlyMap<string, string>; support: RunSupport },
): Promise<void> {
  const { report, stdout, stderr, signal, log } = run.support;
  const { spec } = setting;
  const outcome = await runContainer(run.engine, await targetOptions(setting, run.engine, run), {
    stdout,
    stderr,
    signal,
    stopGraceMs,
    activeDeadlineMs:
      spec.activeDeadlineSeconds === undefined ? undefined : spec.activeDeadlineSeconds * 1000,
    onStarted: (started) => {
      report.phase = 'Running';
      report.target = started;
    },
  });
  report.target = targetStatus(outcome);
  if (!outcome.outputComplete) log.warn('not every byte that the target wrote could be passed on');
  const failure = targetFailure(outcome, spec);
  if (failure !== undefined) throw failure;
}
