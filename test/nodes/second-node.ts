import { engineNamed } from '../cluster/node2/engines.ts';
import { kernelFaultIn } from '../cluster/node2/kernel-console.ts';
import { untilNodeReady } from '../cluster/node2/node-object.ts';
import { bringNode2Up } from '../cluster/node2/node-start.ts';
import { node2 } from '../cluster/node2/node2-layout.ts';
import { umlNode } from '../cluster/node2/uml-node.ts';
import { logPath } from '../cluster/supervise/log-file.ts';
import { readLivePid } from '../cluster/supervise/pid-file.ts';
import { ensureRunning } from '../cluster/supervise/supervisor.ts';
import { until } from '../fixtures/until.ts';
import { succeed } from '../e2e/support/shell.ts';

const startMs = 240_000;
/** Includes the root of a node that was never made. */
const madeMs = 600_000;

/** Names the start of the machine that the kubelet reported last: until it reports the next one, the node counts as Ready. */
function bootId(): Promise<string> {
  const path = 'jsonpath={.status.nodeInfo.bootID}';
  return succeed('kubectl', ['get', 'node', node2.name, '-o', path]);
}

/** Ends the machine of the second node as a power cut does; returns the id of the start that ended. */
export async function killNode(): Promise<string> {
  expectSoundKernel();
  const ended = await bootId();
  const pid = readLivePid(node2.name)?.pid;
  if (pid === undefined) throw new Error(`${node2.name} does not run: start it with make node-up`);
  process.kill(pid, 'SIGKILL');
  await until('the machine is off', () => readLivePid(node2.name) === undefined);
  return ended;
}

/** Starts it again with the disk that it had, and waits until it takes runs; leaves one alone that runs. */
export async function startNode(ended = ''): Promise<void> {
  const signal = AbortSignal.timeout(startMs);
  await ensureRunning(umlNode(engineNamed(process.env['ENGINE'])), signal);
  const isNew = (id: string) => id !== ended;
  await until('the kubelet reports the start', bootId, { holds: isNew, withinMs: startMs, everyMs: 500 });
  await untilNodeReady(signal);
  await engineIs('ready');
}

/** Starts the node with the disk of this engine, if it has another; its pods are started again there. */
export async function startNodeWith(engine: string | undefined): Promise<void> {
  expectSoundKernel();
  const [ended, pid] = [await bootId(), readLivePid(node2.name)?.pid];
  const signal = AbortSignal.timeout(madeMs);
  await bringNode2Up(engineNamed(engine), signal);
  const isNew = (id: string) => id !== ended || readLivePid(node2.name)?.pid === pid;
  await until('the kubelet reports the start', bootId, { holds: isNew, withinMs: startMs, everyMs: 500 });
  await untilNodeReady(signal);
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

/** A failed test may be the node's own failure: throws what its kernel says of itself since its start. */
export function expectSoundKernel(): void {
  const fault = kernelFaultIn(logPath(node2.name));
  if (fault === undefined) return;
  throw new Error(`the kernel of ${node2.name} failed, so this file says nothing about DockerRun: ${fault}`);
}
