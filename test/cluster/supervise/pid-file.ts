import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../layout.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';

/** A started part: who runs, and the hash of what it was started with. */
export type PidRecord = ProcessIdentity & { specHash: string };

function pidFilePath(name: string): string {
  return join(layout.pids, `${name}.json`);
}

function isPidRecord(value: unknown): value is PidRecord {
  const record = value as Partial<PidRecord> | null;
  return (
    typeof record?.pid === 'number' &&
    typeof record.startTicks === 'number' &&
    typeof record.bootId === 'string' &&
    typeof record.specHash === 'string'
  );
}

/** The part's live process; undefined when it was never started, is dead, or its number now belongs to another process. */
export function readLivePid(name: string): PidRecord | undefined {
  try {
    const record: unknown = JSON.parse(readFileSync(pidFilePath(name), 'utf8'));
    return isPidRecord(record) && isAlive(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers a started part; written beside and renamed, so that a power cut leaves no half file. */
export function writePid(name: string, record: PidRecord): void {
  mkdirSync(layout.pids, { recursive: true });
  const path = pidFilePath(name);
  writeFileSync(`${path}.new`, JSON.stringify(record));
  renameSync(`${path}.new`, path);
}

/** Forgets a stopped part. */
export function removePid(name: string): void {
  rmSync(pidFilePath(name), { force: true });
}
