import { type ChildProcess, spawn } from 'node:child_process';

/** How a child process ended, and all that it wrote. */
export type ChildEnd = { readonly output: string; readonly ending: string; readonly succeeded: boolean };

const killAfterMs = 5_000;
const running = new Set<ChildProcess>();

/**
 * Runs Node with some arguments, and passes its output on as it comes when that is wanted. A child that takes longer than `deadlineMs`
 * is stopped with everything it started: SIGTERM, and SIGKILL 5 s later.
 */
export async function runChild(
  args: readonly string[],
  deadlineMs: number,
  isShown: boolean,
): Promise<ChildEnd> {
  // A process group of its own, so that the whole tree can be signalled.
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
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
  // What a test left running would hold ports and files of the next one.
  signalTree(child, 'SIGKILL');
  running.delete(child);
  const ending = isLate
    ? `did not end within ${deadlineMs / 1000} s`
    : `ended with ${signal ?? `exit code ${code}`}`;
  return { output: Buffer.concat(chunks).toString('utf8'), ending, succeeded: code === 0 && !isLate };
}

/** Stops every running child, for when the runner itself is stopped. */
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
    // The group is gone already.
  }
}
