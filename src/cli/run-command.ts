import { rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import type { RunCommand } from './arguments.ts';
import { type AcceptedRun, acceptRun } from './accept-run.ts';
import { dockerSocket } from './docker-socket.ts';
import { killTarget } from './hurry.ts';
import { parseDocuments } from './kubectl-yaml.ts';
import { makeLocalDirectory } from './local-directory.ts';
import { ignoredFields } from './local-notes.ts';
import { LocalSecrets } from './local-secrets.ts';
import { localEnvironment } from './local-environment.ts';
import { chooseRun, type Manifest, manifestOf } from './manifest.ts';
import { nameOfInput, readInput, withEnvFile } from './read-input.ts';
import { readSecrets } from './secret-documents.ts';
import { onSecondSignal } from './second-signal.ts';
import { Console } from './speaker.ts';
import { superviseRun } from './supervise-run.ts';

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
