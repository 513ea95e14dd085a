import { ensureImage } from '../../docker/image/ensure-image.ts';
import type { GirderClient } from '../../girder/client.ts';
import { traced } from '../../support/trace/trace.ts';
import { checkDestinations } from './check-destinations.ts';
import type { RunContext } from '../context.ts';
import { type StagedIn, stageIn } from './stage-in.ts';
import { pullPolicy } from '../target.ts';

/** Pulls, downloads and looks where the results will go, all at once; the first failure stops the others. */
export async function prepare(context: RunContext, girder: GirderClient | undefined): Promise<StagedIn> {
  const { report } = context;
  // What is left when nothing is pulled or downloaded.
  report.doing =
    girder === undefined ? 'Looking for the image' : 'Checking inputs and destinations in Girder';
  const failed = new AbortController();
  const together = { ...context, signal: AbortSignal.any([context.signal, failed.signal]) };
  const stopOthers = (error: unknown): never => {
    failed.abort(error);
    report.doing = 'Cleaning up';
    throw error;
  };
  const pull = pullImage(together).catch(stopOthers);
  const download: Promise<StagedIn> =
    girder === undefined
      ? Promise.resolve({ paths: new Map(), files: new Map() })
      : stageIn(together, girder).catch(stopOthers);
  const check = girder && checkDestinations(together, girder).catch(stopOthers);
  await Promise.allSettled([pull, download, check]);
  context.signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return download;
}

async function pullImage(context: RunContext): Promise<string> {
  const { environment, report } = context;
  const { image } = environment.spec;
  const policy = pullPolicy(environment.spec);
  using pull = policy === 'Never' ? undefined : report.beginPull(image);
  return await traced('pull image', { 'container.image.name': image }, async () =>
    ensureImage(context, {
      image,
      policy,
      auths: await environment.registryAuths(),
      onProgress: (bytes, total, message) => pull?.said(message, bytes, total),
    }),
  );
}
