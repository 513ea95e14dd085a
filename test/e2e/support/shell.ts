import { spawn } from 'node:child_process';

type Options = { input?: string; seconds?: number; cwd?: string };

export type Finished = { code: number | null; stdout: Buffer; stderr: string };

/** Runs a program and does not throw if it fails; kills it after `seconds`, 180 by default. */
export async function execute(
  program: string,
  args: readonly string[],
  options: Options = {},
): Promise<Finished> {
  const { cwd, seconds = 180 } = options;
  const child = spawn(program, args, { timeout: seconds * 1000, killSignal: 'SIGKILL', cwd });
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A program may end without reading its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, stdout: Buffer.concat(stdout), stderr };
}

/** Runs a program and returns its standard output; throws if it fails. */
export async function succeed(
  program: string,
  args: readonly string[],
  options: Options = {},
): Promise<string> {
  const finished = await execute(program, args, options);
  if (finished.code !== 0) throw failed(program, args, finished);
  return finished.stdout.toString('utf8');
}

/** The error for a program that failed; `docker exec` prints why it cannot start one to the standard output. */
export function failed(program: string, args: readonly string[], { code, stdout, stderr }: Finished): Error {
  const why = stderr.trim() || stdout.toString('utf8').trim().slice(-2_000);
  return new Error(`${program} ${args.join(' ')} ended with ${code}: ${why}`);
}
