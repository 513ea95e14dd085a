import type { EngineAddress } from '../local/engine-address.ts';
import { EngineAgent } from '../../docker/engine-agent.ts';
import { connectEngine, type Engine } from '../../docker/engine.ts';

/**
 * Whether the engine sees the files of this process. On another system than Linux it is in a virtual machine. On Linux a
 * socket is taken for that of this machine unless `isRemote` says otherwise: only a container could tell, and each run
 * would wait for it. Pure.
 */
export function sharesFiles(address: EngineAddress, platform: NodeJS.Platform, isRemote: boolean): boolean {
  return address.kind === 'socket' && platform === 'linux' && !isRemote;
}

/** The engine at an address; `text` is that address for messages. @throws RunError EngineUnavailable */
export async function connectTo(
  address: EngineAddress,
  { text, signal, restartMs }: { text: string; signal: AbortSignal; restartMs?: number },
): Promise<Engine> {
  const retry = restartMs === undefined ? {} : { restartMs };
  if (address.kind === 'socket') return connectEngine({ socketPath: address.path, signal, ...retry });
  return connectEngine({ socketPath: text, agent: new EngineAgent(address), signal, ...retry });
}
