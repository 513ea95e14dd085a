import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { parseReport } from '../../../src/api/report.ts';
import { TerminationMessage } from '../../../src/worker/main.ts';

const test = suite<{ directory: string; path: string }>('termination message');
const log = pino({ enabled: false });

test.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'termination-message-'));
  context.path = join(context.directory, 'termination-log');
});
test.after.each(({ directory }) => rmSync(directory, { recursive: true }));

test('the file is filled with spaces first, which are not a report', ({ path }) => {
  new TerminationMessage(path, log);
  const text = readFileSync(path, 'utf8');
  assert.is(text, ' '.repeat(4096));
  assert.is(parseReport(text), undefined);
});

test('the last report replaces earlier ones', ({ path }) => {
  const message = new TerminationMessage(path, log);
  message.write({ phase: 'Failed', reason: 'TargetFailed', message: 'a long message '.repeat(50) });
  const last = { phase: 'Failed', reason: 'WorkerFailed', message: 'ü' } as const;
  message.write(last);
  assert.is(readFileSync(path).length, 4096);
  assert.equal(parseReport(readFileSync(path, 'utf8')), last);
});

test('what does not fit is left out', ({ path }) => {
  const transfers = Array.from({ length: 100 }, (_, index) => ({
    ...{ name: `transfer-${index}`, direction: 'upload' as const, bytes: 1, totalBytes: 1 },
  }));
  new TerminationMessage(path, log).write({ phase: 'Succeeded', transfers });
  assert.equal(parseReport(readFileSync(path, 'utf8')), { phase: 'Succeeded' });
});

test('a file that cannot be written does not fail the run', ({ directory }) => {
  new TerminationMessage(join(directory, 'nosuch/file'), log).write({ phase: 'Succeeded' });
});

test.run();
