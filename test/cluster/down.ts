import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { layout } from './layout.ts';
import { withClusterLock } from './lock.ts';
import { allParts } from './parts/all-parts.ts';
import { removeServicePolicy } from './install/service-policy.ts';
import { takeNode2Down } from './node2/node2-removal.ts';
import { dockerEngine } from './parts/docker-engine.ts';
import { checkCanTakeDown } from './preflight.ts';
import { runProgram } from './program.ts';
import { printLine } from './progress.ts';
import { readBaseline } from './setup/baseline.ts';
import { readLivePid } from './supervise/pid-file.ts';
import { stop } from './supervise/supervisor.ts';
import { findLeftovers } from './teardown/leftovers.ts';
import { removeOutside } from './teardown/outside-paths.ts';
import { removeOwnCgroups } from './teardown/own-cgroups.ts';
import { unmountOwn } from './teardown/own-mounts.ts';
import { removeOwnNetwork } from './teardown/own-network.ts';
import { killContainers, killOwnProcesses } from './teardown/own-processes.ts';
import { takeSnapshot, type Snapshot } from './teardown/snapshot.ts';

const engineNoticesMillis = 500;

/** A stopping engine waits ten seconds for a container that ignores SIGTERM, and one that restarts must be killed after the engine knows. */
async function stopEngine(signal: AbortSignal): Promise<void> {
  const stopping = stop(dockerEngine, signal);
  await sleep(engineNoticesMillis, undefined, { signal });
  killContainers();
  await stopping;
}

async function stopParts(signal: AbortSignal): Promise<void> {
  for (const part of allParts.toReversed()) {
    if (readLivePid(part.name) === undefined) continue;
    await (part === dockerEngine ? stopEngine(signal) : stop(part, signal));
    printLine(`${part.name}: stopped`);
  }
}

async function takeDown(signal: AbortSignal): Promise<Snapshot | undefined> {
  const before = readBaseline();
  await takeNode2Down(signal);
  await stopParts(signal);
  await killOwnProcesses(signal);
  await unmountOwn(signal);
  await removeOwnNetwork(before, await takeSnapshot(signal), signal);
  await removeOwnCgroups(signal);
  removeOutside();
  removeServicePolicy();
  for (const path of [layout.state, layout.run, layout.env]) rmSync(path, { recursive: true, force: true });
  return before;
}

await runProgram(async (signal) => {
  checkCanTakeDown();
  const leftovers = await withClusterLock(async () => findLeftovers(await takeDown(signal), signal));
  if (leftovers.length > 0) throw new Error(`the cluster is down but left:\n${leftovers.join('\n')}`);
  rmSync(layout.lock, { force: true });
  printLine('down: nothing is left but the caches');
});
