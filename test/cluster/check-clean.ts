import { runProgram } from './program.ts';
import { readBaseline } from './setup/baseline.ts';
import { findLeftovers } from './teardown/leftovers.ts';

await runProgram(async (signal) => {
  const leftovers = await findLeftovers(readBaseline(), signal);
  if (leftovers.length === 0) {
    process.stdout.write(
      'clean: no process, mount, link, firewall rule, cgroup or file of the cluster is left\n',
    );
    return;
  }
  process.stdout.write(`${leftovers.join('\n')}\n`);
  process.exitCode = 1;
});
