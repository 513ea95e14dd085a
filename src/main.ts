/**
 * The one program of the image: `controller` or `worker`. Each is loaded only when asked for, since the Kubernetes
 * client alone would double the memory and the start-up time of a worker.
 */
const role = process.argv[2];

switch (role) {
  case 'controller': {
    const { runController } = await import('./controller/main.ts');
    const stop = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
    await runController(process.env, stop.signal);
    process.exit(0);
    break;
  }
  case 'worker': {
    const { runWorker } = await import('./worker/main.ts');
    process.exit(await runWorker(process.env));
    break;
  }
  default:
    process.stderr.write(`usage: dockerrun controller | worker\n`);
    process.exitCode = 64;
}
