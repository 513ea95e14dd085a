import { journalledVolumes } from '../api/spec-usage.ts';
import { cleanEngine } from '../docker/leftovers.ts';
import type { GirderClient } from '../girder/client.ts';
import type { FoundPlaces } from '../girder/lookup.ts';
import { traced } from '../support/trace/trace.ts';
import { runChunk } from './chunk/pipeline.ts';
import type { OpenedRun, RunContext, RunOptions } from './context.ts';
import { withGirderJob } from './girder-job.ts';
import { planRun, type Steps } from './plan.ts';
import { Preparation } from './preparation.ts';
import { runTarget, type TargetEnd } from './run-target.ts';
import { checkPlaces, connectGirder, prepare, type Prepared } from './stage/prepare.ts';
import { cleanUp, withUploadDeadline } from './run-end.ts';
import { stageOut } from './stage/stage-out.ts';
import { StagedFiles } from './stage/journal.ts';
import type { Streams } from './streams/streams.ts';

/**
 * Performs one attempt of a run: check the engine → pull ‖ download → pipes → create, attach, start, pump,
 * wait → upload → clean up. Rejects with the reason of the failure. When the signal aborts or the run's job
 * in Girder is cancelled, every phase stops and nothing is uploaded. In any case, nothing of the run is left
 * on the node or half-uploaded in Girder.
 */
export async function runOnce(options: RunOptions): Promise<void> {
  await withGirderJob(options, async (girderJob, signal) => {
    const { environment, report } = options;
    const { dockerSocket, run, spec } = environment;
    using preparation = new Preparation({ ...options, signal });
    report.doing = 'Connecting to the Docker Engine';
    const engine = await preparation.run((bounded) =>
      cleanEngine({ dockerSocket, runUid: run.uid, signal: bounded, wait: preparation.engineWait }),
    );
    report.doing = 'Preparing the volumes';
    const { volumes, dockerVolumes, remove } = await preparation.run((bounded) =>
      environment.openVolumes(bounded),
    );
    try {
      const plan = (found: FoundPlaces) => planRun(spec, volumes, dockerVolumes, found);
      const journal = new StagedFiles();
      const opened = { ...options, girderJob, signal, preparation, engine, volumes, journal };
      if (spec.forEach === undefined) await runPhases(opened, { journal, plan });
      else await runChunk(opened, { journal, lasting: lastingVolumes(opened), dockerVolumes });
    } finally {
      await cleanUp(options, 'the temporary volumes', remove);
    }
  });
}

type Planning = { readonly journal: StagedFiles; readonly plan: (found: FoundPlaces) => Steps };

async function runPhases(opened: OpenedRun, { journal, plan }: Planning): Promise<void> {
  let girder: GirderClient | undefined;
  let streams: Streams | undefined;
  try {
    const begin = async (signal: AbortSignal) => {
      const bounded = { ...opened, signal };
      await journal.begin(bounded, lastingVolumes(bounded));
      girder = await connectGirder(bounded);
      const steps = plan(girder === undefined ? new Map() : await checkPlaces(bounded, girder));
      return { steps, prepared: await prepare({ ...bounded, steps }, girder) };
    };
    const { steps, prepared } = await traced('prepare', {}, () => opened.preparation.run(begin));
    const context = { ...opened, steps };
    if (girder !== undefined) girder.atRisk = 'results';
    const end = await tracedTarget(context, girder, prepared);
    streams = end.streams;
    const { paths: downloaded } = prepared;
    const results = { streams: streams.outputs, log: streams.log, downloaded, failure: end.failure };
    await withUploadDeadline(context, end.failure, (bounded) => stageOut(bounded, girder, results));
  } finally {
    await traced('clean up', {}, async () => {
      await cleanUp(opened, 'the streams', async () => streams?.close());
      await cleanUp(opened, 'all downloaded files', (signal) => journal.remove(opened, signal));
      await girder?.close();
    });
  }
}

/** The volumes that outlive the run, from which its files must be removed. */
function lastingVolumes({ environment, volumes }: OpenedRun) {
  const { journalled } = journalledVolumes(environment.spec);
  return volumes.filter(({ name }) => journalled.includes(name));
}

/** Sets the span's failure itself: a failed target does not reject, because its uploads are still to do. */
function tracedTarget(
  context: RunContext,
  girder: GirderClient | undefined,
  prepared: Prepared,
): Promise<TargetEnd> {
  const { image } = context.environment.spec;
  return traced('run target', { 'container.image.name': image }, async (span) => {
    const end = await runTarget(context, girder, prepared);
    if (end.failure !== undefined) span.fail(end.failure);
    return end;
  });
}
