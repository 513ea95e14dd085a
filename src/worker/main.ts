import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { progressPort } from '../api/names.ts';
import { exitCodes, exitCodeOf, workerEnvironment } from '../api/run-plan.ts';
import { type Report, terminationMessage, terminationMessageBytes } from '../api/report.ts';
import { cancelledBy } from '../support/abort.ts';
import { useEgress } from '../support/egress.ts';
import { describe, onUncaughtError, type RunError, toRunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import { podEgress, podLog } from '../support/pod-process.ts';
import { noTracing, startTracing, type Tracing } from '../support/trace/start-tracing.ts';
import { type Attributes, parseTraceparent, traced, traceparentVariable } from '../support/trace/trace.ts';
import { itemsMessage } from './chunk/chunk-report.ts';
import type { RunOptions } from './context.ts';
import { podEnvironment } from './pod/pod.ts';
import { PodOutlook } from './pod/pod-outlook.ts';
import { LiveReport } from './progress.ts';
import { serveProgress } from './report-server.ts';
import type { RunEnvironment } from './run-environment.ts';
import { runOnce } from './run.ts';

/** The default `terminationMessagePath`, from which the kubelet reads the termination message. */
const terminationLog = '/dev/termination-log';

/**
 * Runs the worker of a pod and returns its exit code. The pod's log belongs to the target, so the worker logs
 * only problems; what it does is in its report.
 * @param stop its reason is the signal that the process received (SIGTERM if the pod is deleted or evicted)
 */
export async function runWorker(environment: NodeJS.ProcessEnv, stop: AbortSignal): Promise<number> {
  const log = podLog(environment);
  const message = new TerminationMessage(terminationLog, log);
  const report = new LiveReport();
  const end = (failure: RunError | undefined) => {
    message.write(finalReport(report, failure));
    return exitCodeFor(failure, log);
  };
  installLastResort(end);
  const podUid = environment[workerEnvironment.podUid];
  const outlook = new PodOutlook(stop);
  const onOutlook = (isReplaced: boolean) => outlook.learn(isReplaced);
  const served = { port: progressPort, report: () => report.snapshot(), onOutlook };
  const server = podUid && serveProgress({ ...served, podUid });
  const tracing = await startWorkerTracing(environment, log);
  const options = { report, log, signal: cancelledBy(stop, 'the worker') };
  const failure = await attempt(environment, options, outlook);
  const exitCode = end(failure);
  await tracing.end();
  if (server) server.close();
  return exitCode;
}

/** Also logs the failure. */
function exitCodeFor(failure: RunError | undefined, log: Logger): number {
  if (failure === undefined) return exitCodes.done;
  log.info({ reason: failure.reason, error: failure.message }, 'run failed');
  if (failure.reason === 'WorkerFailed') log.error({ stack: stackOf(failure) }, failure.message);
  return exitCodeOf(failure.reason);
}

/** Returns why the attempt failed, or undefined. */
async function attempt(
  variables: NodeJS.ProcessEnv,
  options: Pick<RunOptions, 'report' | 'log' | 'signal'>,
  outlook: PodOutlook,
): Promise<RunError | undefined> {
  const { stdout, stderr } = process;
  try {
    useEgress(podEgress(variables));
    const willBeReplaced = () => outlook.willBeReplaced();
    const environment = { ...podEnvironment(variables), willBeReplaced };
    const work = () => runOnce({ ...options, environment, stdout, stderr });
    await traced('attempt', attemptAttributes(environment), work);
    return undefined;
  } catch (error) {
    return toRunError(error);
  }
}

function finalReport(report: LiveReport, failure: RunError | undefined): Report {
  const last = report.snapshot();
  if (failure === undefined) {
    return { ...last, phase: 'Succeeded', reason: 'Succeeded', message: successMessage(last) };
  }
  return { ...last, phase: 'Failed', reason: failure.reason, message: failure.sentence };
}

function successMessage({ resultCount: count = 0, items }: Report): string {
  if (items !== undefined) return itemsMessage(items, count);
  const uploaded = count === 0 ? '' : ` and ${count} ${count === 1 ? 'result is' : 'results are'} in Girder`;
  return `The target ended with exit code 0${uploaded}.`;
}

function stackOf(failure: RunError): string | undefined {
  return failure.cause instanceof Error ? failure.cause.stack : failure.stack;
}

/**
 * Traces below the run's root span, if the controller passed one to this pod. An unreachable collector is
 * logged only at level info, because the pod's log belongs to the target.
 */
export async function startWorkerTracing(environment: NodeJS.ProcessEnv, log: Logger): Promise<Tracing> {
  const parent = parseTraceparent(environment[traceparentVariable]);
  if (parent === undefined) return noTracing;
  const onProblem = (message: string) => log.info(message);
  return startTracing(environment, { serviceName: 'dockerrun-worker', parent, onProblem });
}

/** For the attempt's span; where it runs is an attribute of all that its worker sends. */
export function attemptAttributes({ run, spec }: Pick<RunEnvironment, 'run' | 'spec'>): Attributes {
  return {
    'dockerrun.run.name': run.name,
    'dockerrun.run.uid': run.uid,
    'k8s.namespace.name': run.namespace,
    'container.image.name': spec.image,
  };
}

/**
 * The file from which the kubelet reads the container's termination message. It is filled with spaces before
 * the run starts, because the run may fail with a full disk.
 */
export class TerminationMessage {
  readonly #path: string;
  readonly #log: Logger;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#write('');
  }

  /** Replaces an earlier report. */
  write(report: Report): void {
    this.#write(terminationMessage(report));
  }

  /** Never truncates: another process could take the freed blocks. */
  #write(text: string): void {
    const bytes = Buffer.alloc(terminationMessageBytes, ' ');
    bytes.write(text);
    try {
      const file = openSync(this.#path, constants.O_WRONLY | constants.O_CREAT, 0o644);
      try {
        writeSync(file, bytes, 0, bytes.length, 0);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      this.#log.error({ error: describe(error) }, `cannot write the termination message to ${this.#path}`);
    }
  }
}

/**
 * Exits with the code that `end` returns on an uncaught error, which is a defect of ours; without this, Node
 * would exit without a termination message. Write errors on stdout and stderr are ignored.
 */
export function installLastResort(end: (failure: RunError) => number): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  onUncaughtError((defect) => process.exit(end(defect)));
}
