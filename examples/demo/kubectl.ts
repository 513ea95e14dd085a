import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { capture } from '../../test/cluster/command.ts';

/** The demo's own namespace, so that it never touches anybody's Secrets or runs. */
export const demoNamespace = 'dockerrun-demo';

const inNamespace = `--namespace=${demoNamespace}`;

/** Runs kubectl in the demo's namespace, with `input` as its standard input, and gives what it prints. */
export function kubectl(args: readonly string[], signal: AbortSignal, input = ''): Promise<string> {
  return capture('kubectl', [inNamespace, ...args], signal, { input });
}

/** The lines that a kubectl which goes on (a watch, a log) prints, until it ends or the signal aborts. */
export async function* kubectlLines(args: readonly string[], signal: AbortSignal): AsyncGenerator<string> {
  const child = spawn('kubectl', [inNamespace, ...args], { stdio: ['ignore', 'pipe', 'ignore'], signal });
  // Why it ended is for the caller to find out, who asks again or gives up.
  child.on('error', () => undefined);
  try {
    yield* createInterface({ input: child.stdout });
  } finally {
    child.kill();
  }
}
