import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { namesOfPath, pathOfNames } from '../../../src/girder/lookup.ts';

test('a path is split at its slashes, but not at those in a name', () => {
  assert.equal(namesOfPath('/collection/Study 7/scans'), ['collection', 'Study 7', 'scans']);
  assert.equal(namesOfPath('/user/jane/a\\-b/c\\\\d/e\\/f'), ['user', 'jane', 'a/b', 'c\\d', 'e/f']);
  assert.equal(namesOfPath('/user/jane/a\\b'), ['user', 'jane', 'a\\b']);
});

test('any names survive the way into a path and back, however slashes are written', () => {
  const names = fc.array(fc.string({ minLength: 1, unit: 'binary' }), { minLength: 1 });
  fc.assert(
    fc.property(names, fc.constantFrom('\\-' as const, '\\/' as const), (given, slash) => {
      assert.equal(namesOfPath(pathOfNames(given, slash)), given);
    }),
  );
});

test.run();
