import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runCli } from '../../../src/cli/main.ts';

/** How a command ended and what it printed. */
export type Printed = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs `dockerrun` in this process; `input` is its standard input. */
export async function dockerrun(args: readonly string[], input = ''): Promise<Printed> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(input);
  const stop = new AbortController().signal;
  const printed = Promise.all([text(stdout), text(stderr)]);
  const code = await runCli(args, { environment: {}, stdin, stdout, stderr, stop });
  stdout.end();
  stderr.end();
  const [out, err] = await printed;
  return { code, stdout: out, stderr: err };
}
