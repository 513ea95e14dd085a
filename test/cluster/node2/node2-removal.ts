import { rmSync } from 'node:fs';
import { retireLog } from '../supervise/log-file.ts';
import { readLivePid } from '../supervise/pid-file.ts';
import { stop } from '../supervise/supervisor.ts';
import { engineNamed } from './engines.ts';
import { node2, node2Files } from './node2-layout.ts';
import { removeNode2Network } from './node2-network.ts';
import { umlNode } from './uml-node.ts';

/** Stops the second node and removes its disk, its files and its wire; what it has in the cluster stays. */
export async function takeNode2Down(signal: AbortSignal): Promise<void> {
  if (readLivePid(node2.name) !== undefined) await stop(umlNode(engineNamed(undefined)), signal);
  // UML may panic while it stops. The next start would report that as a fault of the kernel.
  retireLog(node2.name);
  await removeNode2Network(signal);
  for (const path of [node2Files.state, node2Files.control]) rmSync(path, { recursive: true, force: true });
}
