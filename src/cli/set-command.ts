import type { RunCommand } from './arguments.ts';
import type { CommandInput, Terminal } from './command-input.ts';
import { acceptSet } from './set-validation.ts';

export async function runSetCommand(
  command: RunCommand,
  { chosen, manifest }: CommandInput,
  terminal: Terminal,
): Promise<number> {
  acceptSet(chosen, manifest.file);
  void [command, terminal];
  return 0;
}
