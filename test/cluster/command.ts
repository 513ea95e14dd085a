import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from './layout.ts';
import { printLine } from './progress.ts';
import { lastLines } from './supervise/log-file.ts';

type CommandOptions = { cwd?: string; env?: NodeJS.ProcessEnv; input?: string | Buffer; seconds?: number };
type LongCommandOptions = { signal: AbortSignal; seconds: number; cwd?: string; env?: NodeJS.ProcessEnv };

const heartbeatMillis = 10_000;
const defaultSeconds = 60;
const outputLimit = 64 * 1024 * 1024;

/** Runs a short command and returns its standard output; rejects with its standard error when it fails or takes too long. */
export function capture(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
  options: CommandOptions = {},
): Promise<string> {
  const seconds = options.seconds ?? defaultSeconds;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    signal: AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]),
    killSignal: 'SIGKILL',
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output.length < outputLimit) output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4096);
  });
  // The child may end before it has read its input; its exit code shows why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  child.on('error', (error) => reject(new Error(`${command} ${args.join(' ')}: ${error.message}`)));
  child.on('close', (code) => {
    if (code === 0) resolve(output);
    else reject(new Error(`${command} ${args.join(' ')} failed with code ${code}: ${errors.trim()}`));
  });
  return promise;
}

/** Runs a long command into `<state>/logs/<name>.log`, saying every ten seconds how far it is. */
export async function runLogged(
  name: string,
  commandLine: readonly [string, ...string[]],
  options: LongCommandOptions,
): Promise<void> {
  mkdirSync(layout.logs, { recursive: true });
  const path = join(layout.logs, `${name}.log`);
  const log = openSync(path, 'w');
  const started = Date.now();
  const heartbeat = setInterval(() => {
    const last = lastLines(path, 1)[0]?.trim().slice(0, 90) ?? '';
    printLine(`${name}: ${Math.round((Date.now() - started) / 1000)} s … ${last}`);
  }, heartbeatMillis);
  try {
    const code = await exitCode(commandLine, log, options);
    if (code !== 0) {
      const tail = lastLines(path, 12).join('\n');
      throw new Error(`${name}: ${commandLine[0]} failed with code ${code}. The end of ${path}:\n${tail}`);
    }
  } finally {
    clearInterval(heartbeat);
    closeSync(log);
  }
}

function exitCode(
  [command, ...args]: readonly [string, ...string[]],
  log: number,
  options: LongCommandOptions,
): Promise<number | null> {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', log, log],
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.seconds * 1000)]),
  });
  child.on('error', (error) => reject(new Error(`${command}: ${error.message}`)));
  child.on('close', resolve);
  return promise;
}
