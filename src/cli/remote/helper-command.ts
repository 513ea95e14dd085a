import { connectEngine } from '../../docker/engine.ts';
import { deadline, onAbort } from '../../support/abort.ts';
import { readSecrets, LocalSecrets } from '../local/local-secrets.ts';
import { type CommandInput } from '../local/command-input.ts';
import { defaultSocket } from '../local/engine-address.ts';
import { localCommand } from '../local/local-command.ts';
import { localRedirects, useLocalEgress } from '../local/local-environment.ts';
import type { EngineSide } from '../local/local-volumes.ts';
import type { RunCommand } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { boundAt, helperRoot } from './helper-container.ts';
import { type HelperRequest, readRequest } from './helper-request.ts';

/** As of a command whose terminal is closed. */
const lostSignal = 'SIGHUP';

/**
 * The part of `dockerrun run` in a container beside the target, on an engine that shares no files with the user's
 * machine. When its standard input ends, the user's command is gone: the run is stopped and cleaned up, and then the
 * container removes itself.
 */
export async function helperCommand(container: string, terminal: Terminal): Promise<number> {
  const stopping = new AbortController();
  onAbort(terminal.stop, () => stopping.abort(terminal.stop.reason));
  let isLost = false;
  const onLost = () => {
    isLost = true;
    stopping.abort(lostSignal);
  };
  for (const event of ['end', 'error', 'close']) terminal.stdin.on(event, onLost);
  try {
    const request = await readRequest(terminal.stdin, (name) => process.kill(process.pid, name));
    await useLocalEgress(request.variables, request.caBundle);
    const command = commandOf(request);
    return await localCommand(command, inputOf(request), { ...terminal, stop: stopping.signal });
  } finally {
    if (isLost) await removeItself(container);
  }
}

function commandOf({ manifest, quiet, limit, inputs, outputs }: HelperRequest): RunCommand {
  return {
    file: manifest.file,
    name: undefined,
    quiet,
    envFile: undefined,
    data: { inputs: new Map(Object.entries(inputs)), outputs: new Map(Object.entries(outputs)) },
    limit,
    remote: false,
    workerImage: undefined,
    engineSocket: undefined,
  };
}

function inputOf({ chosen, manifest, variables, auths, volumeSource }: HelperRequest): CommandInput {
  const { file } = manifest;
  const engineSide: EngineSide = {
    hostPathOf: (path) => `${volumeSource}${path.slice(helperRoot.length)}`,
    boundAt,
    auths: { entries: auths.entries, advice: () => auths.advice },
  };
  return {
    chosen,
    manifest,
    secretsOf: (namespace) => {
      const place = { namespace, file };
      const configMaps = readSecrets(manifest.configMaps, place);
      return new LocalSecrets(readSecrets(manifest.secrets, place), variables, file, configMaps);
    },
    dockerSocket: async () => defaultSocket,
    girderRedirects: localRedirects(variables),
    engineSide,
  };
}

const removalMs = 10_000;

/** The engine kills this process with it. */
async function removeItself(container: string): Promise<void> {
  const signal = deadline(removalMs);
  const { docker } = await connectEngine({ socketPath: defaultSocket, signal });
  await docker.getContainer(container).remove({ force: true, v: true, abortSignal: signal });
}
