import { setTimeout as sleep } from 'node:timers/promises';
import { engineNamed } from '../cluster/node2/engines.ts';
import { kernelFaultIn } from '../cluster/node2/kernel-console.ts';
import { untilNodeReady } from '../cluster/node2/node-object.ts';
import { node2 } from '../cluster/node2/node2-layout.ts';
import { umlNode } from '../cluster/node2/uml-node.ts';
import { logPath } from '../cluster/supervise/log-file.ts';
import { readLivePid } from '../cluster/supervise/pid-file.ts';
import { ensureRunning } from '../cluster/supervise/supervisor.ts';
import { until } from '../fixtures/until.ts';
import { succeed } from '../e2e/support/shell.ts';

const startMs = 240_000;
/** A kubelet says that it is there every 10 s, and the API server believes the last word for so long. */
const staleMs = 12_000;

/** Ends the machine of the second node as a power cut does. */
export async function killNode(): Promise<void> {
  const pid = readLivePid(node2.name)?.pid;
  if (pid === undefined) throw new Error(`${node2.name} does not run: start it with make node-up`);
  process.kill(pid, 'SIGKILL');
  await until('the machine is off', () => readLivePid(node2.name) === undefined);
}

/** Starts it again with the disk that it had, and waits until it takes runs. */
export async function startNode(): Promise<void> {
  const signal = AbortSignal.timeout(startMs);
  await ensureRunning(umlNode(engineNamed(process.env['ENGINE'])), signal);
  await sleep(staleMs, undefined, { signal });
  await untilNodeReady(signal);
  await engineIs('ready');
}

/** Waits until the node agent and the controller have labelled the second node. */
export async function engineIs(state: 'ready' | 'unready'): Promise<void> {
  const path = 'jsonpath={.metadata.labels.dockerrun\\.dev/engine}';
  await until(
    `${node2.name} is ${state}`,
    () => succeed('kubectl', ['get', 'node', node2.name, '-o', path]),
    {
      ...{ holds: (label: string) => label.trim() === state, withinMs: startMs, everyMs: 500 },
    },
  );
}

/** A failed test may be the node's own failure: throws what its kernel says of itself. */
export function expectSoundKernel(): void {
  const fault = kernelFaultIn(logPath(node2.name));
  if (fault === undefined) return;
  throw new Error(`the kernel of ${node2.name} failed, so this file says nothing about DockerRun: ${fault}`);
}
