import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { safeFileName } from '../../../src/girder/names.ts';
import { pathSegments } from '../../../src/io/confined-path.ts';

test('an ordinary name stays as it is', () => {
  assert.is(safeFileName('scan 1 (übung).nii.gz'), 'scan 1 (übung).nii.gz');
  assert.is(safeFileName('...'), '...');
});

test('names that mean a directory, or have a separator or control characters, become harmless', () => {
  assert.is(safeFileName('.'), '_.');
  assert.is(safeFileName('..'), '_..');
  assert.is(safeFileName('../../etc/passwd'), '.._.._etc_passwd');
  assert.is(safeFileName('a\0b\nc\x7fd'), 'a_b_c_d');
  assert.is(safeFileName(''), '_');
});

test('a name that is too long loses its middle, keeps its extension and no half character', () => {
  const short = safeFileName(`${'ü'.repeat(300)}.nrrd`);
  assert.ok(Buffer.byteLength(short) <= 255);
  assert.match(short, /^ü+\.nrrd$/);
});

test('every name in Girder becomes exactly one segment of a path', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
      assert.equal(pathSegments(safeFileName(name)).length, 1);
    }),
  );
});

test.run();
