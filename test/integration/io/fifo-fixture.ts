import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';

/** The directory of a test, and the number of descriptors that were open before it. */
export type FifoContext = { root: string; descriptors: number };

/** The exit code and the output of a process. */
export type Ended = { readonly code: number | null; readonly text: string };

export type Shell = ChildProcess & { readonly ended: Promise<Ended> };

const running = new Set<Shell>();
const leaks: number[] = [];

/** Starts a first child, because Node then opens descriptors that it never closes. */
export async function warmUp(): Promise<void> {
  await once(spawn('true'), 'close');
}

/** Creates a directory and counts the open descriptors, with which {@link cleanUp} compares. */
export function begin(context: FifoContext): void {
  context.root = mkdtempSync(join(tmpdir(), 'fifo-'));
  context.descriptors = openDescriptors();
}

/** Ends the test's processes, removes its directory and counts the descriptors that are still open. */
export async function cleanUp({ root, descriptors }: FifoContext): Promise<void> {
  const children = [...running];
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(children.map((child) => child.ended));
  rmSync(root, { recursive: true });
  leaks.push(openDescriptors() - descriptors);
}

/** Called by the last test and not in a hook, because a failing hook hides every other failure. */
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

/** The error with which a promise rejects. */
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

/** A deadline that no test should ever reach. */
export function soon(): AbortSignal {
  return AbortSignal.timeout(60_000);
}
