import { readFileSync } from 'node:fs';

/** A process that cannot be confused with a later one of the same number: `startTicks` counts from boot, `bootId` names the boot. */
export type ProcessIdentity = { pid: number; startTicks: number; bootId: string };

const threadsField = 17;
const startTicksField = 19;

function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name is in parentheses and may hold spaces: count fields after the last one.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** This boot's id, so that a pid file that survived a reboot names nobody. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/**
 * Who runs under this number now; undefined when nobody does or only a zombie is left. A killed process whose first
 * thread has ended is a zombie already, but its other threads may still hold its ports.
 */
export function identify(pid: number): ProcessIdentity | undefined {
  const fields = statFields(pid);
  if (fields === undefined || fields[0] === 'X') return undefined;
  if (fields[0] === 'Z' && Number(fields[threadsField]) <= 1) return undefined;
  return { pid, startTicks: Number(fields[startTicksField]), bootId: bootId() };
}

/** True while the very same process lives. */
export function isAlive(known: ProcessIdentity): boolean {
  const now = identify(known.pid);
  return now !== undefined && now.startTicks === known.startTicks && now.bootId === known.bootId;
}

/** Seconds since the process was started. */
export function ageSeconds(known: ProcessIdentity): number {
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  const ticksPerSecond = 100;
  return Math.max(0, uptime - known.startTicks / ticksPerSecond);
}
