import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { partEnvironment } from './environment.ts';
import { lastLines, logPath, openLog } from './log-file.ts';
import type { Part } from './part.ts';
import { readLivePid, removePid, writePid } from './pid-file.ts';
import { expectFree } from './port-check.ts';
import { identify, isAlive } from './process-identity.ts';

const pollMillis = 200;
const probeMillis = 5_000;
const killedMillis = 5_000;
/** A busy machine may miss one probe: a running part is replaced only after this long. */
const patienceSeconds = 20;

function specHash(part: Part): string {
  const hash = createHash('sha256').update(JSON.stringify(part.command()));
  for (const path of part.configFiles ?? []) {
    hash.update(path).update(existsSync(path) ? readFileSync(path) : '');
  }
  return hash.digest('hex');
}

/** Asks once whether the part is alive and serves; rejects with the reason when not. */
export async function probe(part: Part, signal: AbortSignal): Promise<void> {
  if (readLivePid(part.name) === undefined) throw new Error('not running');
  await part.checkHealth(AbortSignal.any([signal, AbortSignal.timeout(probeMillis)]));
}

function spawnDetached(part: Part): void {
  const { command, args, env } = part.command();
  const log = openLog(part.name);
  try {
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: partEnvironment(env),
      cwd: '/',
    });
    // A failed exec shows as a missing pid below; without a listener the event would end this process.
    child.on('error', () => undefined);
    child.unref();
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity === undefined) {
      throw new Error(`${part.name}: cannot execute ${command}; see ${logPath(part.name)}`);
    }
    writePid(part.name, { ...identity, specHash: specHash(part) });
  } finally {
    closeSync(log);
  }
}

function failure(part: Part, why: string): Error {
  const path = logPath(part.name);
  const tail = lastLines(path, 12).map((line) => `    ${line}`);
  return new Error(`${part.name}: ${why}. The end of ${path}:\n${tail.join('\n')}`);
}

async function waitHealthy(part: Part, seconds: number, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  let reason = '';
  while (Date.now() < deadline) {
    signal.throwIfAborted();
    if (readLivePid(part.name) === undefined) throw failure(part, 'ended while it was starting');
    try {
      await probe(part, signal);
      return;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    await sleep(pollMillis, undefined, { signal });
  }
  throw failure(part, `not healthy after ${seconds} s (${reason})`);
}

async function isCurrent(part: Part, signal: AbortSignal): Promise<boolean> {
  if (readLivePid(part.name)?.specHash !== specHash(part)) return false;
  try {
    await waitHealthy(part, patienceSeconds, signal);
    return true;
  } catch {
    return false;
  }
}

/** Makes the part run and serve as described now: leaves a healthy one alone, replaces one that is stale or unhealthy. */
export async function ensureRunning(part: Part, signal: AbortSignal): Promise<'kept' | 'started'> {
  part.configure?.();
  if (await isCurrent(part, signal)) return 'kept';
  await stop(part, signal);
  part.clearStale?.();
  for (const address of part.listens) await expectFree(part.name, address);
  spawnDetached(part);
  await waitHealthy(part, part.healthySeconds, signal);
  return 'started';
}

async function endsWithin(isRunning: () => boolean, millis: number, signal: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + millis;
  while (Date.now() < deadline) {
    if (!isRunning()) return true;
    await sleep(50, undefined, { signal });
  }
  return !isRunning();
}

function sendSignal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended between the look and the signal.
  }
}

/** Ends the part with SIGTERM, then SIGKILL; settles at once when it does not run. */
export async function stop(part: Part, signal: AbortSignal): Promise<void> {
  const live = readLivePid(part.name);
  if (live !== undefined) {
    sendSignal(live.pid, 'SIGTERM');
    if (!(await endsWithin(() => isAlive(live), part.stopSeconds * 1000, signal))) {
      sendSignal(live.pid, 'SIGKILL');
      if (!(await endsWithin(() => isAlive(live), killedMillis, signal))) {
        throw new Error(
          `${part.name}: process ${live.pid} survives SIGKILL; it hangs in the kernel, so reboot the machine`,
        );
      }
    }
  }
  removePid(part.name);
}
