import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isRecord } from '../../../src/api/json-values.ts';
import {
  listAt,
  numberAt,
  parseList,
  parseObjectMeta,
  parseStatus,
  recordAt,
  textAt,
} from '../../../src/kube/json.ts';

test('a field of another type is read as a missing one', () => {
  const object = { text: 't', number: 7, list: [1], record: { a: 1 }, null: null };
  assert.is(textAt(object, 'text'), 't');
  assert.is(numberAt(object, 'number'), 7);
  assert.equal(listAt(object, 'list'), [1]);
  assert.equal(recordAt(object, 'record'), { a: 1 });
  for (const key of ['number', 'null', 'missing']) assert.is(textAt(object, key), undefined);
  for (const key of ['text', 'null', 'missing']) {
    assert.is(numberAt(object, key), undefined);
    assert.equal(listAt(object, key), []);
    assert.equal(recordAt(object, key), {});
  }
  assert.equal(recordAt(object, 'list'), {});
});

test('reading a field never throws, whatever the value', () => {
  fc.assert(
    fc.property(fc.anything(), fc.string(), (value, key) => {
      assert.ok(isRecord(recordAt(value, key)) && Array.isArray(listAt(value, key)));
      assert.ok(['string', 'undefined'].includes(typeof textAt(value, key)));
      assert.ok(['number', 'undefined'].includes(typeof numberAt(value, key)));
    }),
  );
});

test('the key of an object is its namespace and name', () => {
  const metadata = { namespace: 'lab', name: 'a', uid: 'u', resourceVersion: '7' };
  assert.equal(parseObjectMeta({ metadata }), { key: 'lab/a', ...metadata });
});

test('the metadata of a bookmark has only a resource version', () => {
  assert.is(parseObjectMeta({ metadata: { resourceVersion: '9' } }).resourceVersion, '9');
});

test('an object without a resource version is an error', () => {
  for (const value of [undefined, null, {}, { metadata: {} }, { metadata: { resourceVersion: 7 } }])
    assert.throws(() => parseObjectMeta(value), /has no metadata\.resourceVersion/);
});

test('a page of a list has items, a resource version, and a token if another page follows', () => {
  const page = { metadata: { resourceVersion: '7', continue: 'c' }, items: [{}] };
  assert.equal(parseList(page), { items: [{}], resourceVersion: '7', continueToken: 'c' });
  assert.is(parseList({ metadata: { resourceVersion: '7', continue: '' } }).continueToken, undefined);
  assert.equal(parseList({ metadata: { resourceVersion: '7' }, items: null }).items, []);
});

test('an object that is not a list is an error', () => {
  for (const value of [undefined, [], 'x', { items: [] }, { kind: 'Status', metadata: {} }])
    assert.throws(() => parseList(value), /not a list/);
});

test('a Status is read as far as it has a reason, a message and a code', () => {
  const status = { kind: 'Status', message: 'too old', reason: 'Expired', code: 410, details: {} };
  assert.equal(parseStatus(JSON.stringify(status)), { message: 'too old', reason: 'Expired', code: 410 });
  for (const text of ['', 'bad gateway', '[]', 'null', '7', '{"message":7}'])
    assert.equal(parseStatus(text), {});
});

test.run();
