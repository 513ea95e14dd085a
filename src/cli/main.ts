import { exitCodes } from '../api/reasons.ts';
import { describe } from '../support/errors.ts';
import { installLastResort } from '../worker/last-resort.ts';
import { parseCommand } from './arguments.ts';
import { helpText, versionText } from './help.ts';
import { localExitCode, localSentence, signalCode } from './local-failure.ts';
import { runCommand, type Terminal } from './run-command.ts';
import { UsageError } from './usage-error.ts';

/** Does what the command line says and gives the exit code. What is wrong with it is one sentence on standard error. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const { stdout, stderr, stop } = terminal;
  installLastResort((failure) => {
    stderr.write(`dockerrun: ${localSentence(failure)}\n`);
    return localExitCode({ failure, target: undefined, stoppedBy: undefined });
  });
  try {
    const command = parseCommand(args);
    if (command.command === 'run') return await runCommand(command, terminal);
    stdout.write(command.command === 'help' ? helpText : versionText);
    return exitCodes.done;
  } catch (error) {
    if (stop.aborted) return signalCode(String(stop.reason)) ?? exitCodes.cancelled;
    if (!(error instanceof UsageError)) throw error;
    stderr.write(`dockerrun: ${describe(error)}\n`);
    return exitCodes.spec;
  }
}
