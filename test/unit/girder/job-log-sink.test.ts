import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { JobSink } from '../../../src/girder/job/job-log.ts';

/** A sink, and the texts that it adds. */
function recorded(): { sink: JobSink; texts: string[] } {
  const texts: string[] = [];
  return { sink: new JobSink((text) => texts.push(text)), texts };
}

test('characters stay whole wherever their bytes are cut', () => {
  const { sink, texts } = recorded();
  const text = 'grün 日本語 😀\n';
  for (const byte of Buffer.from(text)) sink.write(Buffer.of(byte));
  assert.is(texts.join(''), text);
  assert.ok(texts.every((part) => !part.includes('\ufffd')));
});

test('two streams that are cut inside a character do not affect each other', () => {
  const texts: string[] = [];
  const [one, other] = [new JobSink((text) => texts.push(text)), new JobSink((text) => texts.push(text))];
  const [first, second] = [Buffer.from('é'), Buffer.from('ß')];
  one.write(first.subarray(0, 1));
  other.write(second.subarray(0, 1));
  one.write(first.subarray(1));
  other.write(second.subarray(1));
  assert.is(texts.join(''), 'éß');
});

test('invalid bytes and incomplete characters become replacement characters', () => {
  const { sink, texts } = recorded();
  sink.write(Buffer.from([0x61, 0xff, 0x62, 0xe2, 0x82]));
  assert.is(texts.join(''), 'a\ufffdb');
  sink.flushRest();
  assert.is(texts.join(''), 'a\ufffdb\ufffd');
});

test('a sink never asks its writer to wait', () => {
  const { sink } = recorded();
  for (let index = 0; index < 100; index += 1) assert.ok(sink.write(Buffer.alloc(1024 * 1024, 'x')));
});

test.run();
