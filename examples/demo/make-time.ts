import { readFileSync } from 'node:fs';

/** The unit of times in /proc/<pid>/stat on every x86 and Arm Linux. */
const ticksPerSecond = 100;

type Process = { name: string; parent: number; startSeconds: number };

/** How long make ran, in seconds, before it started this program; undefined if make did not start it. */
export function secondsOfMake(): number | undefined {
  const self = readProcess(process.pid);
  const parent = readProcess(self.parent);
  // There may be a shell in between.
  const make = parent.name === 'make' ? parent : readProcess(parent.parent);
  return make.name === 'make' ? self.startSeconds - make.startSeconds : undefined;
}

function readProcess(pid: number): Process {
  const text = pid === 0 ? '0 () S 0' : readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [name, fields] = [
    /\((.*)\)/s.exec(text)?.[1] ?? '',
    text.slice(text.lastIndexOf(')') + 2).split(' '),
  ];
  return { name, parent: Number(fields[1]), startSeconds: Number(fields[19] ?? 0) / ticksPerSecond };
}
