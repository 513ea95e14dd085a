import { maxForEachItems } from '../../api/for-each.ts';
import { setKind } from '../../api/names.ts';
import { type Given, runCommandOf } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { readCommandInput } from './command-input.ts';

/** `dockerrun run`: a DockerRun, or the first inputs of a DockerRunSet. */
export async function localCommand(given: Given, terminal: Terminal): Promise<number> {
  const command = runCommandOf(given, maxForEachItems);
  const input = await readCommandInput(command, terminal);
  if (input.chosen['kind'] === setKind) {
    const { runSetCommand } = await import('./set-command.ts');
    return runSetCommand(command, input, terminal);
  }
  const { runCommand } = await import('./run-command.ts');
  return runCommand(command, input, terminal);
}
