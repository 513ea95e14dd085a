import { rm } from 'node:fs/promises';
import { deadline } from '../../support/abort.ts';
import type { RunCommand } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import type { CommandInput } from './command-input.ts';
import { Printer, printerOptions } from './console.ts';
import { checkLocalData, DataCopies, withLocalData } from './local-data.ts';
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
  const { chosen, manifest, secretsOf, girderRedirects, engineSide } = input;
  await checkLocalData(chosen, command.data);
  const accepted = acceptRun(withLocalData(chosen, command.data), manifest.file);
  const secrets = secretsOf(accepted.namespace);
  const dockerSocket = await input.dockerSocket();
  const printer = new Printer(stderr, command.quiet, printerOptions(variables, engineSide));
  const warn = (message: string) => printer.warn(message);
  for (const note of ignoredFields(accepted.spec, manifest)) printer.print(note);
  const directory = await makeLocalDirectory(variables);
  const parts = { directory, dockerSocket, secrets, girderRedirects, signal: stop, warn, engineSide };
  const copies = new DataCopies(accepted.spec, command.data);
  try {
    const local = await localEnvironment(accepted, parts);
    const openVolumes = (signal: AbortSignal) => copies.open(() => local.openVolumes(signal));
    const environment = { ...local, openVolumes };
    using _ = onSecondSignal(stop, () => {
      printer.print('killing the target');
      void killTarget(environment);
    });
    // The command on the user's machine has to fetch the results first.
    const isUnfinished = engineSide !== undefined && command.data.outputs.size > 0;
    return await superviseRun(environment, { printer, stdout, stop, secrets, copies, isUnfinished });
  } finally {
    await copies.removeVolumes(deadline(removalMs));
    await rm(directory.path, { recursive: true, force: true }).catch(() => undefined);
  }
}
