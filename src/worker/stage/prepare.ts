import type { Engine } from '../../docker/engine.ts';
import { ensureImage } from '../../docker/image/ensure-image.ts';
import type { GirderClient } from '../../girder/client.ts';
import type { Logger } from '../../support/log.ts';
import { traced } from '../../support/trace/trace.ts';
import { checkDestinations } from './check-destinations.ts';
import type { LiveReport } from '../live-report.ts';
import type { RunEnvironment } from '../run-environment.ts';
import { type StagedIn, stageIn } from './stage-in.ts';
import type { StagedFiles } from './staged-files.ts';
import type { Steps } from '../steps.ts';
import { pullPolicy } from '../target.ts';

type Preparation = {
  engine: Engine;
  girder: GirderClient | undefined;
  steps: Steps;
  staged: StagedFiles;
  report: LiveReport;
  log: Logger;
  signal: AbortSignal;
};

/** Pulls, downloads and looks where the results will go, all at once; the first failure stops the others. */
export async function prepare(environment: RunEnvironment, run: Preparation): Promise<StagedIn> {
  const { girder, steps, staged, report, log } = run;
  // What is left when nothing is pulled or downloaded.
  report.doing =
    girder === undefined ? 'Looking for the image' : 'Checking inputs and destinations in Girder';
  const failed = new AbortController();
  const signal = AbortSignal.any([run.signal, failed.signal]);
  const stopOthers = (error: unknown): never => {
    failed.abort(error);
    report.doing = 'Cleaning up';
    throw error;
  };
  const pull = pullImage(environment, { ...run, signal }).catch(stopOthers);
  const download: Promise<StagedIn> =
    girder === undefined
      ? Promise.resolve({ paths: new Map(), files: new Map() })
      : stageIn(girder, steps, { report, staged, signal }).catch(stopOthers);
  const check = girder && checkDestinations(girder, steps, { log, signal }).catch(stopOthers);
  await Promise.allSettled([pull, download, check]);
  run.signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return download;
}

async function pullImage(
  environment: RunEnvironment,
  { engine, report, signal }: Preparation,
): Promise<string> {
  const { image } = environment.spec;
  const policy = pullPolicy(environment.spec);
  using pull = policy === 'Never' ? undefined : report.beginPull(image);
  return await traced('pull image', { 'container.image.name': image }, async () =>
    ensureImage(engine, {
      image,
      policy,
      auths: await environment.registryAuths(),
      onProgress: (bytes, total, message) => pull?.said(message, bytes, total),
      signal,
    }),
  );
}
