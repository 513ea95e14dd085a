import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { JobLog, omittedLine } from '../../../src/girder/job/job-log.ts';

const kibi = 1024;

/** Takes the whole log in batches. */
function batches(log: JobLog, limit: number): string[] {
  const taken: string[] = [];
  while (!log.isEmpty) taken.push(log.take(limit));
  return taken;
}

test('text is taken unchanged, in batches of at most the given size', () => {
  const log = new JobLog(1024 * kibi);
  const text = Array.from({ length: 10_000 }, (_, index) => `line ${index} äöü\n`).join('');
  for (let at = 0; at < text.length; at += 7) log.add(text.slice(at, at + 7));
  const taken = batches(log, 64 * kibi);
  assert.is(taken.join(''), text);
  for (const batch of taken) assert.ok(Buffer.byteLength(batch) <= 64 * kibi);
  assert.ok(taken.length <= Math.ceil(Buffer.byteLength(text) / (40 * kibi)), `${taken.length} batches`);
});

test('a surrogate pair is never cut in two', () => {
  for (const lead of ['', 'x']) {
    const log = new JobLog(1024 * kibi);
    const text = lead + '😀'.repeat(50_000);
    log.add(text);
    const taken = batches(log, 48 * kibi);
    assert.ok(taken.length > 2);
    for (const batch of taken) assert.ok(batch.isWellFormed());
    assert.is(taken.join(''), text);
  }
});

test('a lone surrogate becomes a replacement character', () => {
  const log = new JobLog(kibi);
  log.add('a\ud800b');
  assert.is(log.take(kibi), 'a\ufffdb');
});

test('an added line starts on a new line, also after output that did not end its last one', () => {
  const log = new JobLog(kibi);
  log.addLine('first');
  log.add('half');
  log.addLine('second');
  assert.is(log.take(kibi), 'first\nhalf\nsecond\n');
});

test('when too much waits, the middle is omitted and a line states how much', () => {
  const limit = 256 * kibi;
  const log = new JobLog(limit);
  const line = (index: number) => `${String(index).padStart(9, '0')}\n`;
  const all = Array.from({ length: 100_000 }, (_, index) => line(index)).join('');
  for (let at = 0; at < all.length; at += 1000) log.add(all.slice(at, at + 1000));
  const text = batches(log, 48 * kibi).join('');
  const [, bytes] = /\[(\d+) bytes omitted/.exec(text) ?? [];
  const [head = '', tail = ''] = text.split(`${omittedLine(Number(bytes))}\n`);
  assert.ok(all.startsWith(head.trimEnd()) && all.endsWith(tail));
  assert.ok(text.length <= limit + 100);
  assert.ok(Math.abs(head.length + tail.length + Number(bytes) - all.length) <= 1);
  assert.ok(head.length > limit / 4 && tail.length > limit / 4);
});

test('text after an omission is kept whole again', () => {
  const log = new JobLog(64 * kibi);
  log.add('x'.repeat(500 * kibi));
  batches(log, 48 * kibi);
  log.add('afterwards');
  assert.is(batches(log, 48 * kibi).join(''), 'afterwards');
});

test.run();
