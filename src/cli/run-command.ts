import { rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { secretKeysOf } from '../api/spec-usage.ts';
import { cancelledBy, onAbort } from '../support/abort.ts';
import { type RunError, toRunError } from '../support/errors.ts';
import { LiveReport } from '../worker/progress.ts';
import type { RunEnvironment } from '../worker/run-environment.ts';
import { runOnce } from '../worker/run.ts';
import { type AcceptedRun, acceptRun, ignoredFields } from './validation.ts';
import type { RunCommand } from './arguments.ts';
import { defectSignal, killTarget, onSecondSignal } from './signals.ts';
import { dockerSocket } from './docker-socket.ts';
import {
  chooseRun,
  type Manifest,
  manifestOf,
  nameOfInput,
  parseDocuments,
  readInput,
  withEnvFile,
} from './manifest.ts';
import { makeLocalDirectory } from './local-volumes.ts';
import { localEnvironment } from './local-environment.ts';
import { localExitCode, localSentence } from './exit-code.ts';
import { LocalSecrets, readSecrets } from './local-secrets.ts';
import { Console, plainLog, ProgressLines, resultLines } from './console.ts';

/** The process that the command runs in. */
export type Terminal = {
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborts when the user wants the run to stop; its reason is the name of the signal that said so. */
  readonly stop: AbortSignal;
};

type Prepared = {
  readonly accepted: AcceptedRun;
  readonly manifest: Manifest;
  readonly secrets: LocalSecrets;
  readonly dockerSocket: string;
};

/** Runs a DockerRun on this machine and gives the exit code. @throws UsageError when there is nothing to run */
export async function runCommand(command: RunCommand, terminal: Terminal): Promise<number> {
  const { stdout, stderr, stop } = terminal;
  const { accepted, manifest, secrets, dockerSocket } = await prepare(command, terminal);
  const speaker = new Console(stderr, command.quiet);
  const warn = (sentence: string) => speaker.warn(sentence);
  for (const note of ignoredFields(accepted.spec, manifest)) speaker.say(note);
  const directory = await makeLocalDirectory();
  try {
    const environment = await localEnvironment(accepted, {
      directory,
      dockerSocket,
      secrets,
      signal: stop,
      warn,
    });
    using _hurry = onSecondSignal(stop, () => {
      speaker.say('killing the target');
      void killTarget(environment);
    });
    return await superviseRun(environment, { speaker, stdout, stop, secrets });
  } finally {
    await rm(directory.path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function prepare(command: RunCommand, { environment, stdin, stop }: Terminal): Promise<Prepared> {
  const file = nameOfInput(command.file);
  const variables = await withEnvFile(environment, command.envFile);
  const documents = parseDocuments(await readInput(command.file, stdin, stop), file);
  const manifest = manifestOf(documents, file);
  const accepted = acceptRun(chooseRun(manifest, command.name), file);
  const documented = readSecrets(manifest.secrets, { namespace: accepted.namespace, file });
  const secrets = new LocalSecrets(documented, variables, file);
  return { accepted, manifest, secrets, dockerSocket: await dockerSocket(environment) };
}

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
