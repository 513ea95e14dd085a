import { writeSync } from 'node:fs';
import { exitCodeOf } from '../../../src/api/run-plan.ts';
import { installLastResort } from '../../../src/worker/main.ts';

/** Ends by the defect that its argument names, and writes the report of the last resort to descriptor 3. */
const [kind] = process.argv.slice(2);

installLastResort((failure) => {
  writeSync(3, `${failure.reason}: ${failure.message}`);
  return exitCodeOf(failure.reason);
});
setTimeout(() => process.exit(0), 300);
if (kind === 'exception') setTimeout(() => void JSON.parse('{'), 1);
if (kind === 'rejection') void Promise.reject(new Error('nobody waits'));
if (kind === 'log') for (const stream of [process.stdout, process.stderr]) stream.write('to nobody\n');
