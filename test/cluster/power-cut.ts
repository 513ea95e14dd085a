import { runProgram } from './program.ts';
import { ownProcesses, sendKill } from './teardown/own-processes.ts';

/** Ends every process of the cluster in one instant, as a power cut would, and leaves mounts, files and links behind. */
await runProgram(async () => {
  const victims = ownProcesses();
  for (const { pid } of victims) sendKill(pid);
  process.stdout.write(`killed ${victims.length} processes; make cluster-up must repair it\n`);
});
