import { rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { configMapKeysOf, secretKeysOf } from '../api/spec-usage.ts';
import { cancelledBy, onAbort, deadline } from '../support/abort.ts';
import { type RunError, toRunError, onUncaughtError } from '../support/errors.ts';
import { LiveReport } from '../worker/progress.ts';
import type { RunEnvironment } from '../worker/run-environment.ts';
import { runOnce } from '../worker/run.ts';
import type { RunCommand } from './arguments.ts';
import { plainLog, Printer, resultLines, ThrottledProgress } from './console.ts';
import { dockerSocket } from './docker-socket.ts';
import { localExitCode, localSentence } from './exit-code.ts';
import { checkInputs, DataCopies, withLocalData } from './local-data.ts';
import { checkMachine, localEnvironment, localRedirects, useLocalEgress } from './local-environment.ts';
import { LocalSecrets, readSecrets } from './local-secrets.ts';
import { makeLocalDirectory } from './local-volumes.ts';
import {
  chooseRun,
  type Manifest,
  manifestOf,
  nameOfInput,
  parseDocuments,
  readInput,
  withEnvFile,
} from './manifest.ts';
import { type AcceptedRun, acceptRun, ignoredFields } from './validation.ts';
import { containerName } from '../api/names.ts';
import { exitCodes } from '../api/run-plan.ts';
import { engineCall } from '../docker/engine-call.ts';
import { connectEngine } from '../docker/engine.ts';

/** The parts of `process` that a command uses. */
export type Terminal = {
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborts on SIGINT, SIGTERM or SIGHUP; its reason is the name of the signal. */
  readonly stop: AbortSignal;
};

type Prepared = {
  readonly accepted: AcceptedRun;
  readonly manifest: Manifest;
  readonly secrets: LocalSecrets;
  readonly dockerSocket: string;
  readonly girderRedirects: readonly string[];
};

/** Runs a DockerRun on this machine and returns the exit code. @throws UsageError if the run cannot start */
export async function runCommand(command: RunCommand, terminal: Terminal): Promise<number> {
  const { stdout, stderr, stop } = terminal;
  const { accepted, manifest, secrets, dockerSocket, girderRedirects } = await prepare(command, terminal);
  const printer = new Printer(stderr, command.quiet);
  const warn = (message: string) => printer.warn(message);
  for (const note of ignoredFields(accepted.spec, manifest)) printer.print(note);
  const directory = await makeLocalDirectory();
  const parts = { directory, dockerSocket, secrets, girderRedirects, signal: stop, warn };
  const copies = new DataCopies(accepted.spec, command.data);
  try {
    const local = await localEnvironment(accepted, parts);
    const openVolumes = (signal: AbortSignal) => copies.open(() => local.openVolumes(signal));
    const environment = { ...local, openVolumes };
    using _ = onSecondSignal(stop, () => {
      printer.print('killing the target');
      void killTarget(environment);
    });
    return await superviseRun(environment, { printer, stdout, stop, secrets, copies });
  } finally {
    await copies.removeVolumes(deadline(removalMs));
    await rm(directory.path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function prepare(command: RunCommand, { environment, stdin, stop }: Terminal): Promise<Prepared> {
  checkMachine();
  await useLocalEgress(environment);
  const file = nameOfInput(command.file);
  const variables = await withEnvFile(environment, command.envFile);
  const documents = parseDocuments(await readInput(command.file, stdin, stop), file);
  const manifest = manifestOf(documents, file);
  const chosen = chooseRun(manifest, command.name);
  await checkInputs(chosen, command.data);
  const accepted = acceptRun(withLocalData(chosen, command.data), file);
  const place = { namespace: accepted.namespace, file };
  const configMaps = readSecrets(manifest.configMaps, place);
  const secrets = new LocalSecrets(readSecrets(manifest.secrets, place), variables, file, configMaps);
  const girderRedirects = localRedirects(variables);
  return { accepted, manifest, secrets, girderRedirects, dockerSocket: await dockerSocket(environment) };
}

export type Supervision = {
  readonly printer: Printer;
  readonly stdout: Writable;
  readonly stop: AbortSignal;
  readonly secrets: LocalSecrets;
  readonly copies: DataCopies;
};

const pollMs = 250;

/** For the removal of the temporary volumes at the end. */
const removalMs = 120_000;

/** Runs to the end, prints the progress, and returns the exit code. */
export async function superviseRun(environment: RunEnvironment, supervision: Supervision): Promise<number> {
  const { printer, stop } = supervision;
  const report = new LiveReport();
  const { failure, copied } = await attempt(environment, report, supervision);
  const { target, results = [], resultCount = 0 } = report.snapshot();
  for (const line of [...resultLines(results, resultCount), ...copied]) printer.print(line);
  const kept = environment.spec.removeContainer ? undefined : target?.containerID?.slice(0, 12);
  if (kept !== undefined) printer.print(`the container ${kept} is kept; remove it with: docker rm ${kept}`);
  if (failure === undefined) printer.print(`done: the target ended with exit code ${target?.exitCode ?? 0}`);
  else printer.warn(`failed (${failure.reason}): ${localSentence(failure)}`);
  const stoppedBy = stop.aborted ? String(stop.reason) : undefined;
  return localExitCode({ failure, target, stoppedBy });
}

async function attempt(
  environment: RunEnvironment,
  report: LiveReport,
  { printer, stdout, stop, secrets, copies }: Supervision,
): Promise<{ failure: RunError | undefined; copied: readonly string[] }> {
  const lines = new ThrottledProgress();
  const printProgress = () =>
    lines.next(report.snapshot(), performance.now()).forEach((line) => printer.print(line));
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
    await runOnce({ environment, report, stdout, stderr: printer.target, log, signal });
    return { failure: undefined, copied: await copies.copyResults() };
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

/** Calls `kill` once, when the process receives another signal after the one that aborted `stop`. */
export function onSecondSignal(stop: AbortSignal, kill: () => void): Disposable {
  let isDone = false;
  let received = stop.aborted ? 1 : 0;
  const count = () => {
    received += 1;
    if (received < 2 || isDone) return;
    isDone = true;
    kill();
  };
  for (const signal of signals) process.on(signal, count);
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, count);
    },
  };
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

/** Kills the target; the run then ends as usual. Never rejects, also if there is no target. */
export async function killTarget({ run, attempt, dockerSocket }: RunEnvironment): Promise<void> {
  const signal = deadline(killMs);
  try {
    const { docker } = await connectEngine({ socketPath: dockerSocket, signal });
    const container = docker.getContainer(containerName(run.uid, attempt));
    await engineCall({ signal }, (abortSignal) => container.kill({ abortSignal }));
  } catch {
    // The stop that is under way continues, with bounds of its own.
  }
}
