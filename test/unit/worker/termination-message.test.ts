import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseReport } from '../../../src/api/report.ts';
import { TerminationMessage } from '../../../src/worker/termination-message.ts';

const test = suite<{ directory: string; path: string }>('termination message');
const log = pino({ enabled: false });

test.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'word-'));
  context.path = join(context.directory, 'termination-log');
});
test.after.each(({ directory }) => rmSync(directory, { recursive: true }));

test('before it is said its room is taken, and that is no word', ({ path }) => {
  new TerminationMessage(path, log);
  const text = readFileSync(path, 'utf8');
  assert.is(text, ' '.repeat(4096));
  assert.is(parseReport(text), undefined);
});

test('it is read as it was said, and the last one counts', ({ path }) => {
  const word = new TerminationMessage(path, log);
  word.say({ phase: 'Failed', reason: 'TargetFailed', message: 'a long message '.repeat(50) });
  const last = { phase: 'Failed', reason: 'WorkerFailed', message: 'ü' } as const;
  word.say(last);
  assert.is(readFileSync(path).length, 4096);
  assert.equal(parseReport(readFileSync(path, 'utf8')), last);
});

test('what it has no room for is left out', ({ path }) => {
  const transfers = Array.from({ length: 100 }, (_, index) => ({
    ...{ name: `transfer-${index}`, direction: 'upload' as const, bytes: 1, totalBytes: 1 },
  }));
  new TerminationMessage(path, log).say({ phase: 'Succeeded', transfers });
  assert.equal(parseReport(readFileSync(path, 'utf8')), { phase: 'Succeeded' });
});

test('a place that cannot be written costs the word, not the run', ({ directory }) => {
  new TerminationMessage(join(directory, 'nosuch/file'), log).say({ phase: 'Succeeded' });
});

test.run();
