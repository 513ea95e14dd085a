import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defined, dottedPath, parseJson } from '../../../src/api/json-values.ts';

test('a text that is not JSON has no value', () => {
  assert.equal(parseJson('{"a": [1]}'), { a: [1] });
  assert.is(parseJson('null'), null);
  for (const text of ['', '{', 'undefined', '<html>']) assert.is(parseJson(text), undefined);
});

test('undefined members are left out, and all other values stay', () => {
  const kept = { text: '', number: 0, flag: false, none: null, list: [undefined], inner: { a: undefined } };
  assert.equal(Object.keys(defined({ a: undefined, ...kept, z: undefined })), Object.keys(kept));
  assert.equal(defined({ a: undefined, ...kept }), kept);
});

test('a member that may be undefined is optional in the result', () => {
  const message = [''].find((text) => text !== '');
  const status: { readonly phase: string; message?: string } = defined({ phase: 'Running', message });
  assert.equal(Object.keys(status), ['phase']);
  const known: { message?: string } = defined<{ message?: string | undefined }>({ message: 'done' });
  assert.is(known.message, 'done');
});

test('the argument is not changed', () => {
  const members = Object.freeze({ a: 1, b: undefined });
  assert.is.not(defined(members), members);
  assert.equal(Object.keys(members), ['a', 'b']);
});

test('the path of a member is read as it stands in a manifest', () => {
  assert.is(dottedPath('/docker/ports/80~1tcp'), '.docker.ports.80/tcp');
  assert.is(dottedPath('/a~01'), '.a~1');
  assert.is(dottedPath(''), '');
});

test.run();
