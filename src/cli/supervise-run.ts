import type { Writable } from 'node:stream';
import { secretKeysOf } from '../api/secret-keys.ts';
import { cancelledBy, onAbort } from '../support/abort.ts';
import { type RunError, toRunError } from '../support/errors.ts';
import { LiveReport } from '../worker/live-report.ts';
import { runOnce } from '../worker/run.ts';
import type { RunEnvironment } from '../worker/run-environment.ts';
import { defectSignal } from './defect-signal.ts';
import { localExitCode, localSentence } from './local-failure.ts';
import type { LocalSecrets } from './local-secrets.ts';
import { plainLog } from './plain-log.ts';
import { ProgressLines, resultLines } from './progress-lines.ts';
import type { Console } from './speaker.ts';

/** Who is told about a run, and who stops it. */
export type Supervision = {
  readonly speaker: Console;
  readonly stdout: Writable;
  readonly stop: AbortSignal;
  readonly secrets: LocalSecrets;
};

const lookMs = 250;

/** Does a run to its end, says how it goes, and gives the exit code. */
export async function superviseRun(environment: RunEnvironment, supervision: Supervision): Promise<number> {
  const { speaker, stop } = supervision;
  const report = new LiveReport();
  const failure = await attempt(environment, report, supervision);
  const { target, results = [], resultCount = 0 } = report.snapshot();
  for (const line of resultLines(results, resultCount)) speaker.say(line);
  const kept = environment.spec.removeContainer ? undefined : target?.containerID?.slice(0, 12);
  if (kept !== undefined) speaker.say(`the container ${kept} is kept; docker rm ${kept} removes it`);
  if (failure === undefined) speaker.say(`done: the target ended with exit code ${target?.exitCode ?? 0}`);
  else speaker.warn(`failed (${failure.reason}): ${localSentence(failure)}`);
  const stoppedBy = stop.aborted ? String(stop.reason) : undefined;
  return localExitCode({ failure, target, stoppedBy });
}

async function attempt(
  environment: RunEnvironment,
  report: LiveReport,
  { speaker, stdout, stop, secrets }: Supervision,
): Promise<RunError | undefined> {
  const lines = new ProgressLines();
  const look = () => lines.next(report.snapshot(), performance.now()).forEach((line) => speaker.say(line));
  const looking = setInterval(look, lookMs);
  const defect = defectSignal();
  try {
    onAbort(stop, () =>
      speaker.say(`stopping, because of ${String(stop.reason)}; once more kills the target`),
    );
    const signal = AbortSignal.any([cancelledBy(stop, 'the run'), defect]);
    signal.throwIfAborted();
    checkSecrets(environment, secrets);
    look();
    const log = plainLog(speaker);
    await runOnce({ environment, report, stdout, stderr: speaker.target, log, signal });
    return undefined;
  } catch (error) {
    return toRunError(defect.aborted ? defect.reason : error);
  } finally {
    clearInterval(looking);
    look();
  }
}

/** What is missing is told before anything is pulled or downloaded. */
function checkSecrets({ spec }: RunEnvironment, secrets: LocalSecrets): void {
  for (const { name, keys } of secretKeysOf(spec)) {
    for (const key of keys) secrets.value({ name, key }, 'spec');
  }
}
