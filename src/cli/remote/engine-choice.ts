import { maxForEachItems } from '../../api/for-each.ts';
import { setKind } from '../../api/names.ts';
import { CommandLineError, type Given, type RunCommand, runCommandOf } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { inputOnThisMachine, readCommandFile } from '../local/command-input.ts';
import { findEngine, type FoundEngine } from '../local/engine-address.ts';
import { sharesFiles } from './engine-place.ts';

/** `dockerrun run`: beside an engine that sees the files of this process, or by way of a helper container. */
export async function runOnEngine(given: Given, terminal: Terminal): Promise<number> {
  const command = runCommandOf(given, maxForEachItems);
  const file = await readCommandFile(command, terminal);
  checkOptions(command, file.chosen['kind'] === setKind);
  const own = { ...terminal, environment: file.variables };
  const engine = await findEngine(own.environment);
  if (sharesFiles(engine.address, process.platform, command.remote)) {
    checkSocketOption(command, engine);
    const { localCommand } = await import('../local/local-command.ts');
    return localCommand(command, await inputOnThisMachine(file), own);
  }
  const { remoteCommand } = await import('./remote-command.ts');
  return remoteCommand({ command, file, engine }, own);
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

/** @throws CommandLineError for --engine-socket with an engine of this machine, whose socket is in its address */
function checkSocketOption({ engineSocket }: RunCommand, { text, source }: FoundEngine): void {
  if (engineSocket !== undefined)
    throw new CommandLineError(
      `--engine-socket is for an engine that shares no files with this machine, and ${text} (${source}) does: set DOCKER_HOST=unix://${engineSocket} instead, or add --remote`,
    );
}
