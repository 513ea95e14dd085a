import { setKind } from '../../api/names.ts';
import type { RunCommand } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import type { CommandInput } from './command-input.ts';

/**
 * Runs a DockerRun, or the first inputs of a DockerRunSet, on an engine that sees the files of this process.
 * @throws UsageError if the run cannot start
 */
export async function localCommand(
  command: RunCommand,
  input: CommandInput,
  terminal: Terminal,
): Promise<number> {
  if (input.chosen['kind'] === setKind) {
    const { runSetCommand } = await import('./set-command.ts');
    return runSetCommand(command, input, terminal);
  }
  const { runCommand } = await import('./run-command.ts');
  return runCommand(command, input, terminal);
}
