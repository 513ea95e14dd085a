import type { Writable } from 'node:stream';
import { labels } from '../../api/names.ts';
import { exitCodes } from '../../api/run-plan.ts';
import type { Report } from '../../api/report.ts';
import { configMapKeysOf, secretKeysOf } from '../../api/spec-usage.ts';
import { engineCall } from '../../docker/engine-call.ts';
import { connectEngine } from '../../docker/engine.ts';
import { cancelledBy, deadline, onAbort } from '../../support/abort.ts';
import { onUncaughtError, type RunError, toRunError } from '../../support/errors.ts';
import { LiveReport } from '../../worker/progress.ts';
import type { RunEnvironment } from '../../worker/run-environment.ts';
import { runOnce } from '../../worker/run.ts';
import { UsageError } from '../arguments.ts';
import { plainLog, type Printer, resultLines } from './console.ts';
import { localExitCode, localSentence } from './exit-code.ts';
import type { DataCopies } from './local-data.ts';
import { ProgressView } from './progress-view.ts';
import type { LocalSecrets } from './local-secrets.ts';

export type Supervision = {
  readonly printer: Printer;
  readonly stdout: Writable;
  readonly stop: AbortSignal;
  readonly secrets: LocalSecrets;
  readonly copies?: DataCopies;
  /** More lines about a report than those of a run's phases and transfers. */
  readonly moreLines?: (report: Report) => string[];
  /** Whether results have to be copied once more before the run is done, and then get their lines. */
  readonly isUnfinished?: boolean;
};

/** How a run ended: its last report, why it failed, and the exit code of the command. */
export type LocalRunEnd = {
  readonly report: Report;
  readonly failure: RunError | undefined;
  readonly exitCode: number;
};

const pollMs = 250;

/** Runs a DockerRun to the end, prints the progress and how it ended, and returns the exit code. */
export async function superviseRun(environment: RunEnvironment, supervision: Supervision): Promise<number> {
  const { printer } = supervision;
  const { report, failure, exitCode, copied } = await performRun(environment, supervision);
  const { target, results = [], resultCount = 0 } = report;
  const { apiUrl } = environment.spec.girder ?? {};
  for (const line of [...resultLines(results, resultCount, apiUrl), ...copied]) printer.print(line);
  const kept = environment.spec.removeContainer ? undefined : target?.containerID?.slice(0, 12);
  if (kept !== undefined) printer.print(`the container ${kept} is kept; remove it with: docker rm ${kept}`);
  if (failure !== undefined) printer.warn(failureLine(failure));
  else if (supervision.isUnfinished !== true) printer.print(doneLine(target?.exitCode));
  return exitCode;
}

export function doneLine(exitCode = 0): string {
  return `done: the target ended with exit code ${exitCode}`;
}

/**
 * Prints why a command failed outside of a run, and returns its exit code.
 * @throws UsageError unchanged: it is printed with the usage
 */
export function failedCommand(
  error: unknown,
  { printer, stop }: Pick<Supervision, 'printer' | 'stop'>,
): number {
  if (error instanceof UsageError) throw error;
  const failure = toRunError(error);
  printer.warn(failureLine(failure));
  const stoppedBy = stop.aborted ? String(stop.reason) : undefined;
  return localExitCode({ failure, target: undefined, stoppedBy });
}

export function failureLine(failure: RunError): string {
  return `failed (${failure.reason}): ${localSentence(failure)}`;
}

type Performed = LocalRunEnd & { readonly copied: readonly string[] };

/** Runs to the end and prints the progress, but not how it ended. */
export async function performRun(environment: RunEnvironment, supervision: Supervision): Promise<Performed> {
  const { stop } = supervision;
  const live = new LiveReport();
  const { failure, copied } = await attempt(environment, live, supervision);
  const report = live.snapshot();
  const stoppedBy = stop.aborted ? String(stop.reason) : undefined;
  return { report, failure, copied, exitCode: localExitCode({ failure, target: report.target, stoppedBy }) };
}

async function attempt(
  environment: RunEnvironment,
  report: LiveReport,
  { printer, stdout, stop, secrets, copies, moreLines = () => [], isUnfinished = false }: Supervision,
): Promise<{ failure: RunError | undefined; copied: readonly string[] }> {
  using view = new ProgressView(printer);
  const printProgress = () => {
    view.show(report, performance.now());
    for (const line of moreLines(report.snapshot())) printer.print(line);
  };
  const timer = setInterval(printProgress, pollMs);
  const defect = defectSignal();
  try {
    onAbort(stop, () =>
      printer.print(`stopping on ${String(stop.reason)}; a second signal kills the target`),
    );
    const signal = AbortSignal.any([cancelledBy(stop, 'the run'), defect]);
    signal.throwIfAborted();
    checkSecrets(environment, secrets);
    printProgress();
    const log = plainLog(printer);
    const output = { stdout: printer.targetOutput(stdout), stderr: printer.target };
    await runOnce({ environment, report, ...output, log, signal });
    const copied = (await copies?.copyResults()) ?? [];
    return { failure: undefined, copied: isUnfinished ? [] : copied };
  } catch (error) {
    return { failure: toRunError(defect.aborted ? defect.reason : error), copied: [] };
  } finally {
    clearInterval(timer);
    printProgress();
  }
}

/** Fails before anything is pulled or downloaded. @throws RunError SecretIncomplete */
function checkSecrets({ spec }: RunEnvironment, secrets: LocalSecrets): void {
  for (const { name, keys } of secretKeysOf(spec)) {
    for (const key of keys) secrets.value({ name, key }, 'spec');
  }
  for (const { name, keys } of configMapKeysOf(spec)) {
    for (const key of keys) secrets.configMapValue({ name, key }, 'spec');
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `act` with each signal that the process receives, and at once with the one that aborted `stop` before. */
export function onSignals(stop: AbortSignal, act: (name: string) => void): Disposable {
  for (const signal of signals) process.on(signal, act);
  if (stop.aborted) act(String(stop.reason));
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, act);
    },
  };
}

/** Calls `kill` once, when the process receives another signal after the one that aborted `stop`. */
export function onSecondSignal(stop: AbortSignal, kill: () => void): Disposable {
  let received = 0;
  return onSignals(stop, () => {
    received += 1;
    if (received === 2) kill();
  });
}

/**
 * Aborts on an uncaught error, which is a defect of ours, so that the run is stopped and cleaned up; without
 * this, Node would exit and leave the target running. A second uncaught error exits at once.
 */
export function defectSignal(): AbortSignal {
  const stopping = new AbortController();
  onUncaughtError((defect) => {
    if (stopping.signal.aborted) process.exit(exitCodes.internal);
    stopping.abort(defect);
  });
  return stopping.signal;
}

const killMs = 10_000;

/** Kills the targets; the run then ends as usual. Never rejects, also if there is none. */
export async function killTarget({ run, dockerSocket }: RunEnvironment): Promise<void> {
  const signal = deadline(killMs);
  try {
    const { docker } = await connectEngine({ socketPath: dockerSocket, signal });
    const filters = { label: [`${labels.runUid}=${run.uid}`] };
    const running = await engineCall({ signal }, (abortSignal) =>
      docker.listContainers({ filters, abortSignal }),
    );
    for (const { Id } of running)
      await engineCall({ signal }, (abortSignal) => docker.getContainer(Id).kill({ abortSignal }));
  } catch {
    // The stop that is under way continues, with bounds of its own.
  }
}
