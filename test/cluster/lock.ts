import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { layout } from './layout.ts';
import { printLine } from './progress.ts';

const waitSeconds = 1800;

async function flock(fd: number, args: readonly string[]): Promise<boolean> {
  // flock(2) belongs to the open file that both processes share, so the lock outlives flock(1) and dies with this process.
  const child = spawn('flock', [...args, '3'], { stdio: ['ignore', 'ignore', 'inherit', fd] });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0;
}

/** Runs `work` while no other `up` or `down` of this machine does; waits for one that is under way. */
export async function withClusterLock<T>(work: () => Promise<T>): Promise<T> {
  const fd = openSync(layout.lock, 'a', 0o600);
  try {
    if (!(await flock(fd, ['-n']))) {
      printLine(`another cluster-up or cluster-down is running; waiting for it, at most ${waitSeconds} s`);
      if (!(await flock(fd, ['-w', String(waitSeconds)]))) {
        throw new Error(
          `the lock ${layout.lock} stayed taken for ${waitSeconds} s: see who holds it with 'fuser ${layout.lock}'`,
        );
      }
    }
    return await work();
  } finally {
    closeSync(fd);
  }
}
