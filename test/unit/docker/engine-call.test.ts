import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jsonLines } from '../../../src/docker/engine-call.ts';

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function parse(bytes: Buffer, size = 1_000): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of jsonLines(chunksOf(bytes, size))) values.push(value);
  return values;
}

async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return String(error);
  }
  return 'it did not fail';
}

test('lines and characters that are split at any byte are put together again', async () => {
  const values = [{ status: 'Größe ✓ 漢字' }, { id: '𝄞' }, { status: 'x' }];
  const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\r\n`).join(''));
  for (let size = 1; size <= bytes.length; size += 1) assert.equal(await parse(bytes, size), values);
});

test('any values in any chunks are parsed unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), fc.integer({ min: 1, max: 50 }), async (values, size) => {
      const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
      assert.equal(JSON.stringify(await parse(bytes, size)), JSON.stringify(values));
    }),
  );
});

test('empty lines are ignored, and the last line needs no newline', async () => {
  assert.equal(await parse(Buffer.from('\n{"a":1}\n\n  \n{"b":2}')), [{ a: 1 }, { b: 2 }]);
});

test('a line that was cut off is an error', async () => {
  assert.match(await failure(parse(Buffer.from('{"a":1}\n{"b":'))), 'not JSON: {"b":');
});

test('the error for a line that is not JSON quotes only its beginning', async () => {
  const text = await failure(parse(Buffer.from(`<html>${'x'.repeat(5_000)}\n`)));
  assert.match(text, '<html>');
  assert.ok(text.length < 400);
});

test('a line that is too long is an error', async () => {
  assert.match(await failure(parse(Buffer.alloc(5 * 1024 * 1024, 'x'), 65_536)), 'more than');
});

test.run();
