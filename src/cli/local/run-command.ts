import { rm } from 'node:fs/promises';
import { deadline } from '../../support/abort.ts';
import { CommandLineError, type RunCommand } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import type { CommandInput } from './command-input.ts';
import { Printer } from './console.ts';
import { checkInputs, DataCopies, withLocalData } from './local-data.ts';
import { localEnvironment } from './local-environment.ts';
import { makeLocalDirectory } from './local-volumes.ts';
import { killTarget, onSecondSignal, superviseRun } from './supervision.ts';
import { acceptRun, ignoredFields } from '../offline/validation.ts';

/** For the removal of the temporary volumes at the end. */
const removalMs = 120_000;

/** Runs a DockerRun on this machine and returns the exit code. @throws UsageError if the run cannot start */
export async function runCommand(
  command: RunCommand,
  input: CommandInput,
  { environment: variables, stdout, stderr, stop }: Terminal,
): Promise<number> {
  if (command.limit !== undefined)
    throw new CommandLineError('--limit is for a DockerRunSet, not for a DockerRun');
  const { chosen, manifest, secretsOf, girderRedirects } = input;
  await checkInputs(chosen, command.data);
  const accepted = acceptRun(withLocalData(chosen, command.data), manifest.file);
  const secrets = secretsOf(accepted.namespace);
  const dockerSocket = await input.dockerSocket();
  const printer = new Printer(stderr, command.quiet, variables);
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
