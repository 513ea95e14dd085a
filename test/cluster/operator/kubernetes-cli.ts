import { join } from 'node:path';
import { capture } from '../command.ts';
import { helmBinaries, kubernetesBinaries } from '../install/go-binaries.ts';
import { layout } from '../layout.ts';

/** Longer than any wait in the cluster, so that the program itself reports what failed there. */
const programSeconds = 180;

/** Runs kubectl on the cluster as its administrator. */
export function kubectl(args: readonly string[], signal: AbortSignal, input?: string): Promise<string> {
  return run(join(kubernetesBinaries(), 'kubectl'), args, signal, input);
}

/** Runs Helm on the cluster as its administrator. */
export function helm(args: readonly string[], signal: AbortSignal): Promise<string> {
  return run(join(helmBinaries(), 'helm'), args, signal);
}

function run(program: string, args: readonly string[], signal: AbortSignal, input?: string): Promise<string> {
  const env = { ...process.env, KUBECONFIG: layout.kubeconfig };
  return capture(program, args, signal, {
    env,
    seconds: programSeconds,
    ...(input === undefined ? {} : { input }),
  });
}
