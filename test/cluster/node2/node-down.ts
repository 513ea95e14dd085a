import { withClusterLock } from '../lock.ts';
import { runProgram } from '../program.ts';
import { printLine } from '../progress.ts';
import { takeNode2Down } from './node2-removal.ts';
import { removeNodeObject } from './node-object.ts';

await runProgram(async (signal) => {
  await withClusterLock(async () => {
    await takeNode2Down(signal);
    await removeNodeObject(signal);
  });
  printLine('down: nothing is left of the second node but the caches');
});
