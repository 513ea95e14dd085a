import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { parseReport } from '../../../src/api/report.ts';
import { TerminationMessage } from '../../../src/worker/main.ts';

const disk = mkdtempSync(join(tmpdir(), 'full-disk-'));
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'dockerrun-test', disk]);

function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    assert.throws(() => {
      for (;;) writeSync(file, Buffer.alloc(4096, 'x'));
    }, /ENOSPC/);
  } finally {
    closeSync(file);
  }
}

test('a run that fills the disk can still write its termination message', () => {
  const path = join(disk, 'termination-log');
  const terminationMessage = new TerminationMessage(path, pino({ enabled: false }));
  fill(join(disk, 'output'));
  const report = { phase: 'Failed', reason: 'DownloadFailed', message: 'no space left' } as const;
  terminationMessage.write(report);
  assert.equal(parseReport(readFileSync(path, 'utf8')), report);
});

test.after(() => {
  execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

test.run();
