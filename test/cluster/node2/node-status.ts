import { runProgram } from '../program.ts';
import { printLine } from '../progress.ts';
import { logPath } from '../supervise/log-file.ts';
import { readLivePid } from '../supervise/pid-file.ts';
import { kernelFaultIn } from './kernel-console.ts';
import { node2 } from './node2-layout.ts';

/** Fails when the second node does not run, or when its kernel has reported a fault of its own since its start. */
await runProgram(() => {
  const fault = kernelFaultIn(logPath(node2.name));
  if (fault !== undefined) throw new Error(`the kernel of ${node2.name} failed: ${fault}`);
  if (readLivePid(node2.name) === undefined) throw new Error(`${node2.name} does not run`);
  printLine(`${node2.name} runs, and its kernel has reported no fault`);
  return Promise.resolve();
});
