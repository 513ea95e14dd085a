import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** How a child process ended. */
export type ChildEnd = {
  /** Its stdout and stderr. */
  readonly output: string;
  /** For a message: `ended with exit code 1`. */
  readonly ending: string;
  readonly succeeded: boolean;
};

const killAfterMs = 5_000;

/** Halves the start of each test file, and of the controllers and workers that it starts from their source. */
const compileCache = join(import.meta.dirname, '../../node_modules/.cache/node');

const running = new Set<ChildProcess>();

/**
 * Runs Node with some arguments; `isShown` also prints its output at once. A child that takes longer than
 * `deadlineMs` is stopped with all its own children: SIGTERM, and SIGKILL 5 s later.
 */
export async function runChild(
  args: readonly string[],
  deadlineMs: number,
  isShown: boolean,
): Promise<ChildEnd> {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // In its own process group, so that the whole tree can be signalled.
    detached: true,
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
  running.add(child);
  const chunks: Buffer[] = [];
  for (const [stream, shown] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    if (isShown) stream.pipe(shown, { end: false });
  }
  let isLate = false;
  const timers = [
    setTimeout(() => {
      isLate = true;
      signalTree(child, 'SIGTERM');
    }, deadlineMs),
    setTimeout(() => signalTree(child, 'SIGKILL'), deadlineMs + killAfterMs),
  ];
  const { code, signal } = await ended(child);
  for (const timer of timers) clearTimeout(timer);
  // Processes that a test left running would hold ports and files that the next one needs.
  signalTree(child, 'SIGKILL');
  running.delete(child);
  const ending = isLate
    ? `did not finish within ${deadlineMs / 1000} s`
    : `ended with ${signal ?? `exit code ${code}`}`;
  return { output: Buffer.concat(chunks).toString('utf8'), ending, succeeded: code === 0 && !isLate };
}

/** Kills every running child, when the runner itself is stopped. */
export function killChildren(): void {
  for (const child of running) signalTree(child, 'SIGKILL');
}

function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => setTimeout(() => resolve({ code, signal }), 20));
  });
}

function signalTree(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has already ended.
  }
}
