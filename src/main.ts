/**
 * The one program of the image: `controller` or `worker`. Each is loaded only when asked for, since the Kubernetes
 * client alone would double the memory and the start-up time of a worker.
 */
const role = process.argv[2];

// Before anything is loaded: as process 1 of a container, a program never sees a signal that it does not handle yet.
const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort(name));

switch (role) {
  case 'controller': {
    const { runController } = await import('./controller/main.ts');
    await runController(process.env, stop.signal);
    process.exit(0);
    break;
  }
  case 'worker': {
    const { runWorker } = await import('./worker/main.ts');
    process.exit(await runWorker(process.env, stop.signal));
    break;
  }
  default:
    process.stderr.write('usage: dockerrun controller | worker\n');
    process.exitCode = 64;
}
