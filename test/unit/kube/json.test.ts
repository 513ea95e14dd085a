import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  listAt,
  numberAt,
  parseList,
  parseObjectMeta,
  parseStatus,
  recordAt,
  textAt,
} from '../../../src/kube/json.ts';
import { isRecord } from '../../../src/support/narrow.ts';

test('what is read at a key is what it should be, or nothing', () => {
  const object = { text: 't', number: 7, list: [1], record: { a: 1 }, nothing: null };
  assert.is(textAt(object, 'text'), 't');
  assert.is(numberAt(object, 'number'), 7);
  assert.equal(listAt(object, 'list'), [1]);
  assert.equal(recordAt(object, 'record'), { a: 1 });
  for (const key of ['number', 'nothing', 'missing']) assert.is(textAt(object, key), undefined);
  for (const key of ['text', 'nothing', 'missing']) {
    assert.is(numberAt(object, key), undefined);
    assert.equal(listAt(object, key), []);
    assert.equal(recordAt(object, key), {});
  }
  assert.equal(recordAt(object, 'list'), {});
});

test('no value at all makes reading throw', () => {
  fc.assert(
    fc.property(fc.anything(), fc.string(), (value, key) => {
      assert.ok(isRecord(recordAt(value, key)) && Array.isArray(listAt(value, key)));
      assert.ok(['string', 'undefined'].includes(typeof textAt(value, key)));
      assert.ok(['number', 'undefined'].includes(typeof numberAt(value, key)));
    }),
  );
});

test('an object is known by its namespace and name', () => {
  const metadata = { namespace: 'lab', name: 'a', uid: 'u', resourceVersion: '7' };
  assert.equal(parseObjectMeta({ metadata }), { key: 'lab/a', ...metadata });
});

test('a bookmark has a version and nothing else', () => {
  assert.is(parseObjectMeta({ metadata: { resourceVersion: '9' } }).resourceVersion, '9');
});

test('an object without a version is none of the API server', () => {
  for (const value of [undefined, null, {}, { metadata: {} }, { metadata: { resourceVersion: 7 } }])
    assert.throws(() => parseObjectMeta(value), /without metadata\.resourceVersion/);
});

test('a page of a list has its items, version and the token of the next page, if there is one', () => {
  const page = { metadata: { resourceVersion: '7', continue: 'c' }, items: [{}] };
  assert.equal(parseList(page), { items: [{}], resourceVersion: '7', continueToken: 'c' });
  assert.is(parseList({ metadata: { resourceVersion: '7', continue: '' } }).continueToken, undefined);
  assert.equal(parseList({ metadata: { resourceVersion: '7' }, items: null }).items, []);
});

test('what is no list is refused', () => {
  for (const value of [undefined, [], 'x', { items: [] }, { kind: 'Status', metadata: {} }])
    assert.throws(() => parseList(value), /not a list/);
});

test('a refusal says its reason, message and code as far as it has them', () => {
  const refusal = { kind: 'Status', message: 'too old', reason: 'Expired', code: 410, details: {} };
  assert.equal(parseStatus(JSON.stringify(refusal)), { message: 'too old', reason: 'Expired', code: 410 });
  for (const text of ['', 'bad gateway', '[]', 'null', '7', '{"message":7}'])
    assert.equal(parseStatus(text), {});
});

test.run();
