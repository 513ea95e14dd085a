import { writeFileSync } from 'node:fs';
import { destination } from 'pino';
import { progressPort } from '../api/names.ts';
import { workerEnvironment } from '../api/plan.ts';
import { exitCodeOf, exitCodes } from '../api/reasons.ts';
import { type Report, terminationMessage } from '../api/report.ts';
import { RunError, toRunError } from '../support/errors.ts';
import { createLogger, type Logger } from '../support/log.ts';
import { LiveReport } from './live-report.ts';
import { podSetting } from './pod.ts';
import { serveProgress } from './progress-server.ts';
import { runOnce } from './run.ts';

/** Where the kubelet reads a container's final word. */
const terminationLog = '/dev/termination-log';

/**
 * Runs the worker of a pod and gives its exit code. The pod's log belongs to the target, so the worker says nothing
 * in it unless something is wrong; what it does is in its report.
 */
export async function runWorker(environment: NodeJS.ProcessEnv): Promise<number> {
  const log = createLogger(
    environment[workerEnvironment.logLevel] ?? 'warn',
    destination({ dest: 2, sync: true }),
  );
  const report = new LiveReport();
  const server = serveProgress(progressPort, () => report.snapshot());
  const failure = await attempt(environment, report, log);
  server.close();
  sayFinalWord(finalWord(report, failure), log);
  if (failure === undefined) return exitCodes.done;
  log.info({ reason: failure.reason, error: failure.message }, 'the run failed');
  if (failure.reason === 'WorkerFailed') log.error({ stack: stackOf(failure) }, failure.message);
  return exitCodeOf(failure.reason);
}

/** Runs once, stoppable by SIGTERM (the pod is deleted or evicted) and SIGINT; gives why it failed, if it did. */
async function attempt(
  environment: NodeJS.ProcessEnv,
  report: LiveReport,
  log: Logger,
): Promise<RunError | undefined> {
  const stop = new AbortController();
  const onSignal = (name: string) =>
    stop.abort(new RunError('Cancelled', `the worker was stopped by ${name}`));
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  try {
    const setting = podSetting(environment);
    await runOnce(setting, {
      report,
      stdout: process.stdout,
      stderr: process.stderr,
      log,
      signal: stop.signal,
    });
    return undefined;
  } catch (error) {
    return toRunError(error);
  }
}

function finalWord(report: LiveReport, failure: RunError | undefined): Report {
  const said = report.snapshot();
  if (failure === undefined) {
    return { ...said, phase: 'Succeeded', reason: 'Succeeded', message: successMessage(said) };
  }
  return { ...said, phase: 'Failed', reason: failure.reason, message: failure.sentence };
}

function successMessage({ results }: Report): string {
  const count = results?.length ?? 0;
  const uploaded = count === 0 ? '' : ` and ${count} ${count === 1 ? 'result is' : 'results are'} in Girder`;
  return `The target ended with exit code 0${uploaded}.`;
}

function sayFinalWord(report: Report, log: Logger): void {
  try {
    writeFileSync(terminationLog, terminationMessage(report));
  } catch (error) {
    log.error({ error: String(error) }, `the final word could not be written to ${terminationLog}`);
  }
}

function stackOf(failure: RunError): string | undefined {
  return failure.cause instanceof Error ? failure.cause.stack : failure.stack;
}
