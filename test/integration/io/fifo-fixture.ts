import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';

/** A directory of a test and the descriptors that were open before. */
export type FifoContext = { root: string; descriptors: number };

/** How a process ended, and what it printed. */
export type Ended = { readonly code: number | null; readonly text: string };

/** A running shell script, and how it ends. */
export type Shell = ChildProcess & { readonly ended: Promise<Ended> };

const running = new Set<Shell>();
const leaks: number[] = [];

/** The first child makes Node open descriptors of its own, for good. */
export async function warmUp(): Promise<void> {
  await once(spawn('true'), 'close');
}

/** A fresh directory; what {@link cleanUp} compares with is counted here. */
export function begin(context: FifoContext): void {
  context.root = mkdtempSync(join(tmpdir(), 'fifo-'));
  context.descriptors = openDescriptors();
}

/** Ends the test's processes, removes its directory and counts what stayed open. */
export async function cleanUp({ root, descriptors }: FifoContext): Promise<void> {
  const children = [...running];
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(children.map((child) => child.ended));
  rmSync(root, { recursive: true });
  leaks.push(openDescriptors() - descriptors);
}

/** To be asked last, because a hook that fails hides every other failure. */
export function assertNothingLeaked(): void {
  assert.ok(
    leaks.every((count) => count === 0),
    `descriptors that each test left open: ${leaks.join(', ')}`,
  );
}

/** Runs a shell script below `root`: the target's side of a pipe. */
export function shell(root: string, script: string): Shell {
  const child = spawn('sh', ['-c', script], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  const ended = once(child, 'close').then(([code]: (number | null)[]) => {
    running.delete(target);
    return { code: code ?? null, text: text.trim() };
  });
  const target = Object.assign(child, { ended });
  running.add(target);
  return target;
}

/** What a promise is rejected with. */
export async function rejection(promise: Promise<unknown> | undefined): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** A deadline that no test should ever need. */
export function soon(): AbortSignal {
  return AbortSignal.timeout(15_000);
}
