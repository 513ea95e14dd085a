import { describe, errorCode } from '../support/errors.ts';
import { revision, version } from '../support/version.ts';
import { helperCommandName, ownCodes, UsageError } from './arguments.ts';
import { completeCommand, parseCommandLine } from './command-line.ts';
import { commandTable } from './command-table.ts';
import { commandHelp, programHelp } from './help-text.ts';
import { checkNode } from './node-version.ts';
import type { Terminal } from './terminal.ts';

/** As of a program that SIGPIPE ended, because nobody reads its output any more. */
const closedOutputCode = 141;

/** Runs the command line and returns the exit code; an error is one line on standard error. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const { stdout, stderr, stop } = terminal;
  // A closed standard output or standard error does not fail a run.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  try {
    return await perform(args, terminal);
  } catch (error) {
    const { exitCodes } = await import('../api/run-plan.ts');
    const { signalCode } = await import('./local/exit-code.ts');
    if (stop.aborted) return signalCode(String(stop.reason)) ?? exitCodes.cancelled;
    if (errorCode(error) === 'EPIPE') return closedOutputCode;
    stderr.write(`dockerrun: ${describe(error)}\n`);
    return error instanceof UsageError ? error.exitCode : exitCodes.internal;
  }
}

/** Help, version and completion load nothing but the table of commands. */
async function perform(args: readonly string[], terminal: Terminal): Promise<number> {
  if (args[0] === completeCommand) {
    const { printCompletions } = await import('./completion.ts');
    return printCompletions(args.slice(1), commandTable, terminal);
  }
  if (args[0] === helperCommandName) {
    const { helperCommand } = await import('./remote/helper-command.ts');
    return helperCommand(args[1] ?? '', terminal);
  }
  const line = parseCommandLine(args, commandTable);
  if (line.kind === 'command') {
    checkNode();
    return (await line.command.load())(line.given, terminal);
  }
  const help = () =>
    line.kind === 'help' && line.command !== undefined
      ? commandHelp(line.command)
      : programHelp(commandTable);
  terminal.stdout.write(line.kind === 'version' ? `dockerrun ${version} (${revision})\n` : help());
  return ownCodes.done;
}
