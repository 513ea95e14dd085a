import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UniqueNames, safeFileName } from '../../../src/girder/file-names.ts';
import { pathSegments } from '../../../src/io/confined.ts';

test('an ordinary name stays unchanged', () => {
  assert.is(safeFileName('scan 1 (übung).nii.gz'), 'scan 1 (übung).nii.gz');
  assert.is(safeFileName('...'), '...');
});

test('names of directories, separators and control characters are replaced', () => {
  assert.is(safeFileName('.'), '_.');
  assert.is(safeFileName('..'), '_..');
  assert.is(safeFileName('../../etc/passwd'), '.._.._etc_passwd');
  assert.is(safeFileName('a\0b\nc\x7fd'), 'a_b_c_d');
  assert.is(safeFileName(''), '_');
});

test('a name that is too long is cut before its extension, between two characters', () => {
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

test('entries with the same name get different names, the later ones a number', () => {
  const claims = new UniqueNames();
  const names = ['a/b.nii.gz', 'a_b.nii.gz', 'a_b.nii.gz', 'a_b.nii (1).gz', '.hidden', '.hidden', 'x', 'x'];
  assert.equal(
    names.map((name) => claims.claim(name)),
    [
      'a_b.nii.gz',
      'a_b.nii (1).gz',
      'a_b.nii (2).gz',
      'a_b.nii (1) (1).gz',
      '.hidden',
      '.hidden (1)',
      'x',
      'x (1)',
    ],
  );
});

test('long names that differ only where they are cut stay different', () => {
  const claims = new UniqueNames();
  const names = ['1', '2', '3'].map((end) => claims.claim(`${'ü'.repeat(200)}${end}.nrrd`));
  assert.is(new Set(names).size, 3);
  for (const name of names) assert.ok(Buffer.byteLength(name) <= 255 && name.endsWith('.nrrd'));
});

test('each claim is one segment of a path and unique, for any names', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 300 }), { maxLength: 20 }), (names) => {
      const claims = new UniqueNames();
      const claimed = [...names, ...names].map((name) => claims.claim(name));
      assert.is(new Set(claimed).size, claimed.length);
      for (const name of claimed) assert.equal(pathSegments(name).length, 1);
    }),
  );
});

test.run();
