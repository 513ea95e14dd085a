import { setKind } from '../api/names.ts';
import { exitCodes } from '../api/run-plan.ts';
import { describe } from '../support/errors.ts';
import { helpText, parseCommand, UsageError, versionText } from './arguments.ts';
import { signalCode } from './local/exit-code.ts';
import type { Terminal } from './terminal.ts';

/** Runs the command line and returns the exit code; an error is one line on standard error. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const { stdout, stderr, stop } = terminal;
  // A closed standard output or standard error does not fail a run.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  try {
    const command = parseCommand(args);
    if (command.command === 'validate') {
      const { validateCommand } = await import('./offline/validate-command.ts');
      return await validateCommand(command, terminal);
    }
    if (command.command === 'doctor') {
      const { doctorCommand } = await import('./doctor/doctor-command.ts');
      return await doctorCommand(terminal);
    }
    if (command.command !== 'run') {
      stdout.write(command.command === 'help' ? helpText : versionText);
      return exitCodes.done;
    }
    const { readCommandInput } = await import('./local/command-input.ts');
    const input = await readCommandInput(command, terminal);
    if (input.chosen['kind'] === setKind) {
      const { runSetCommand } = await import('./local/set-command.ts');
      return await runSetCommand(command, input, terminal);
    }
    const { runCommand } = await import('./local/run-command.ts');
    return await runCommand(command, input, terminal);
  } catch (error) {
    if (stop.aborted) return signalCode(String(stop.reason)) ?? exitCodes.cancelled;
    stderr.write(`dockerrun: ${describe(error)}\n`);
    return error instanceof UsageError ? exitCodes.spec : exitCodes.internal;
  }
}
