import { maxForEachItems } from '../../api/for-each.ts';
import { setKind } from '../../api/names.ts';
import { CommandLineError, type Given, type RunCommand, runCommandOf } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { inputOnThisMachine, readCommandFile } from '../local/command-input.ts';
import { findEngine } from '../local/engine-address.ts';
import { sharesFiles } from './engine-place.ts';

/** `dockerrun run`: beside an engine that sees the files of this process, or by way of a helper container. */
export async function runOnEngine(given: Given, terminal: Terminal): Promise<number> {
  const command = runCommandOf(given, maxForEachItems);
  const engine = await findEngine(terminal.environment);
  const file = await readCommandFile(command, terminal);
  checkOptions(command, file.chosen['kind'] === setKind);
  if (sharesFiles(engine.address, process.platform, command.remote)) {
    const { localCommand } = await import('../local/local-command.ts');
    return localCommand(command, await inputOnThisMachine(file, terminal.environment), terminal);
  }
  const { remoteCommand } = await import('./remote-command.ts');
  return remoteCommand({ command, file, engine }, terminal);
}

/** @throws CommandLineError for options of the other kind */
function checkOptions({ data, limit }: RunCommand, isSet: boolean): void {
  if (!isSet && limit !== undefined)
    throw new CommandLineError('--limit is for a DockerRunSet, not for a DockerRun');
  if (isSet && data.inputs.size + data.outputs.size > 0)
    throw new CommandLineError(
      '--input and --output are for a DockerRun: the data of a DockerRunSet are in Girder',
    );
}
