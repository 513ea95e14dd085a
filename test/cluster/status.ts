import { existsSync } from 'node:fs';
import { layout } from './layout.ts';
import { allParts } from './parts/all-parts.ts';
import { runProgram } from './program.ts';
import { logPath } from './supervise/log-file.ts';
import type { Part } from './supervise/part.ts';
import { readLivePid } from './supervise/pid-file.ts';
import { ageSeconds } from './supervise/process-identity.ts';
import { probe } from './supervise/supervisor.ts';

type Row = { part: Part; healthy: boolean; state: string; pid: string; uptime: string };

function uptime(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)}s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)}m`;
  return `${(seconds / 3600).toFixed(1)}h`;
}

async function look(part: Part, signal: AbortSignal): Promise<Row> {
  const live = readLivePid(part.name);
  const pid = live === undefined ? '-' : String(live.pid);
  const age = live === undefined ? '-' : uptime(ageSeconds(live));
  try {
    await probe(part, signal);
    return { part, healthy: true, state: 'healthy', pid, uptime: age };
  } catch (error) {
    const state = error instanceof Error ? error.message : String(error);
    return { part, healthy: false, state, pid, uptime: age };
  }
}

function print(rows: readonly Row[]): void {
  const line = (cells: readonly string[]) =>
    `${cells[0]?.padEnd(25)}${cells[1]?.padEnd(9)}${cells[2]?.padEnd(8)}${cells[3]?.padEnd(10)}${cells[4]}\n`;
  process.stdout.write(line(['PART', 'PID', 'UPTIME', 'STATE', 'WHAT FOR']));
  for (const { part, healthy, pid, uptime: age, state } of rows) {
    process.stdout.write(line([part.name, pid, age, healthy ? state : 'SICK', part.why]));
    if (!healthy) process.stdout.write(`  ${state}; log: ${logPath(part.name)}\n`);
  }
}

await runProgram(async (signal) => {
  const rows = await Promise.all(allParts.map((part) => look(part, signal)));
  print(rows);
  if (rows.every((row) => row.healthy)) {
    const hint = existsSync(layout.env)
      ? `. ${layout.env}`
      : 'make cluster-up (writes .cluster/env for this clone)';
    process.stdout.write(`ready; to use it: ${hint}\n`);
  } else {
    process.stdout.write('not ready; start or repair it with: make cluster-up\n');
    process.exitCode = 1;
  }
});
