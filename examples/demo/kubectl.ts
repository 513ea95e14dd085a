import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { capture } from '../../test/cluster/command.ts';

/** A namespace of its own, so that the demo never touches the Secrets or runs of others. */
export const demoNamespace = 'dockerrun-demo';

const inNamespace = `--namespace=${demoNamespace}`;

/** Runs kubectl in the demo's namespace with `input` as standard input, and returns its output. */
export function kubectl(args: readonly string[], signal: AbortSignal, input = ''): Promise<string> {
  return capture('kubectl', [inNamespace, ...args], signal, { input });
}

/** The lines of a long-running kubectl (a watch, a log), until it ends or the signal aborts. */
export async function* kubectlLines(args: readonly string[], signal: AbortSignal): AsyncGenerator<string> {
  const child = spawn('kubectl', [inNamespace, ...args], { stdio: ['ignore', 'pipe', 'ignore'], signal });
  // Errors are ignored: the caller finds out why it ended, and retries or fails.
  child.on('error', () => undefined);
  try {
    yield* createInterface({ input: child.stdout });
  } finally {
    child.kill();
  }
}
