#!/usr/bin/env node
/**
 * The one program: the image runs `controller`, `worker`, `node-agent` or `bridge`, people run the other commands. Each is loaded
 * only when it is needed, because the Kubernetes client alone would double the memory and the start-up time
 * of a worker.
 */
const role = process.argv[2];

// Before anything is loaded, because process 1 of a container never receives a signal that it does not handle
// yet.
const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => stop.abort(name));

switch (role) {
  case 'controller': {
    const { runController } = await import('./controller/main.ts');
    await runController(process.env, stop.signal);
    process.exit(0);
    break;
  }
  case 'node-agent': {
    const { runNodeAgent } = await import('./node-agent/main.ts');
    await runNodeAgent(process.env, stop.signal);
    process.exit(0);
    break;
  }
  case 'bridge': {
    const { runBridge } = await import('./bridge/main.ts');
    await runBridge(process.env, stop.signal);
    process.exit(0);
    break;
  }
  case 'worker': {
    const mode = process.argv[3];
    if (mode === 'plan') {
      const { runPlanner } = await import('./planner/main.ts');
      process.exit(await runPlanner(process.env, stop.signal));
    }
    if (mode !== undefined) {
      const { runCleanup } = await import('./worker/cleanup-run.ts');
      process.exit(await runCleanup(process.env, mode, stop.signal));
    }
    const { runWorker } = await import('./worker/main.ts');
    process.exit(await runWorker(process.env, stop.signal));
    break;
  }
  default: {
    const { runCli } = await import('./cli/main.ts');
    const { env: environment, stdin, stdout, stderr } = process;
    const terminal = { environment, stdin, stdout, stderr, stop: stop.signal };
    process.exit(await runCli(process.argv.slice(2), terminal));
  }
}
