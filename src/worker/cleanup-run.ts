import { journalledVolumes } from '../api/spec-usage.ts';
import { useEgress } from '../support/egress.ts';
import {
  exitCodes,
  parseEnding,
  parsePlan,
  type RunPlan,
  workerEnvironment,
  workerPaths,
} from '../api/run-plan.ts';
import { deadline, raceAbort } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import { podEgress, podLog } from '../support/pod-process.ts';
import type { Logger } from '../support/log.ts';
import { traced } from '../support/trace/trace.ts';
import { cleanEngine } from '../docker/leftovers.ts';
import { removeHostDirVolume } from './pod/open-volumes.ts';
import { checkHostPath } from './pod/open-host-paths.ts';
import { reportEnd } from './girder-job.ts';
import { StagedFiles } from './stage/journal.ts';
import { attemptAttributes, startWorkerTracing } from './main.ts';

/** For the whole cleanup; less than the deadline of the cleanup Job. */
const longestMs = 90_000;

/** `what` completes the log line "cannot clean up …". */
type Part = { readonly what: string; readonly work: () => Promise<unknown> };

/**
 * Does what a lost worker could not. Mode `cleanup` removes what it left on this node; modes `cleanup` and
 * `report` both report the end of the run to its job in Girder. Each part runs even if the others fail. The
 * exit code is not 0 if something may be left on the node.
 */
export async function runCleanup(
  environment: NodeJS.ProcessEnv,
  mode: string,
  stop: AbortSignal,
): Promise<number> {
  if (mode !== 'cleanup' && mode !== 'report') throw new TypeError(`unknown mode of the worker: ${mode}`);
  const log = podLog(environment);
  useEgress(podEgress(environment));
  const plan = parsePlan(environment[workerEnvironment.plan]);
  const ending = parseEnding(environment[workerEnvironment.ending]);
  const signal = deadline(longestMs, stop);
  const podUid = environment[workerEnvironment.podUid] ?? '';
  const onNode = mode === 'cleanup' ? partsOnNode(plan, podUid, { signal, log }) : [];
  const toGirder = { what: 'the job in Girder', work: () => reportEnd(plan, ending, { signal, log }) };
  const tracing = await startWorkerTracing(environment, log);
  const [onNodeDone] = await traced('clean up after lost worker', attemptAttributes(plan), () =>
    Promise.all([
      Promise.all(onNode.map((part) => attempt(part, { signal, log }))),
      attempt(toGirder, { signal, log }),
    ]),
  );
  await tracing.end();
  return onNodeDone.every((isDone) => isDone) ? exitCodes.done : exitCodes.internal;
}

function partsOnNode(
  plan: RunPlan,
  podUid: string,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Part[] {
  const { journalled, directories } = journalledVolumes(plan.spec);
  const runUid = plan.run.uid;
  return [
    {
      what: 'the containers',
      work: () => cleanEngine({ dockerSocket: workerPaths.dockerSocket, runUid, signal }),
    },
    ...journalled.map((name) => ({
      what: `the files in volume ${name}`,
      work: async () => {
        await checkHostPath(plan, podUid, name);
        await StagedFiles.sweep({ signal, log }, runUid, { name, localPath: workerPaths.volume(name) });
      },
    })),
    ...directories.map((name) => ({
      what: `the directory of volume ${name}`,
      work: () => removeHostDirVolume(plan, name, signal),
    })),
  ];
}

/** True if the part succeeded in time; a failure is logged. */
async function attempt(
  { what, work }: Part,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Promise<boolean> {
  try {
    await raceAbort(work(), signal);
    return true;
  } catch (error) {
    log.warn({ error: describe(error) }, `cannot clean up ${what}`);
    return false;
  }
}
