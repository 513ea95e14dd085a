import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeParameters, parseApiUrl, routeUrl } from '../../../src/girder/api-url.ts';
import { parseContentRange } from '../../../src/girder/http/http1.ts';
import { parseFile, parseFileOrUpload, UnexpectedResponse } from '../../../src/girder/documents.ts';
import { RunError } from '../../../src/support/errors.ts';

test('an API root may end with slashes, and must be http or https without credentials', () => {
  assert.is(parseApiUrl('https://g.example/girder/api/v1//').href, 'https://g.example/girder/api/v1');
  for (const bad of ['', 'g.example', 'ftp://g/', 'http://u:secret@g/', 'http://g/?token=secret']) {
    assert.throws(
      () => parseApiUrl(bad),
      (error: unknown) => error instanceof RunError && !error.message.includes('secret'),
    );
  }
});

test('a route keeps the path of the API root, and an id cannot change the route', () => {
  const api = parseApiUrl('https://g.example/girder/api/v1');
  const url = routeUrl(api, ['file', '5f0c', 'download'], { a: 'b c&d', none: undefined, n: 0 });
  assert.is(url.href, 'https://g.example/girder/api/v1/file/5f0c/download?a=b+c%26d&n=0');
  for (const id of ['..', '.', 'a/b', 'a?b', 'a#b', '%2e', '']) {
    assert.throws(() => routeUrl(api, ['file', id]), /is not an id/);
  }
});

test('parameters are encoded as a form', () => {
  assert.is(encodeParameters({ name: 'ü/+=&', size: 3 }), 'name=%C3%BC%2F%2B%3D%26&size=3');
});

test('Content-Range is parsed into the first byte and the total', () => {
  assert.equal(parseContentRange('bytes 5-9/10'), { first: 5, total: 10 });
  assert.equal(parseContentRange('bytes 5-9/*'), { first: 5, total: undefined });
  for (const bad of [undefined, '', 'bytes */10', 'items 5-9/10'])
    assert.is(parseContentRange(bad), undefined);
});

test('a file may lack its size, but not its name', () => {
  assert.is(parseFile({ _id: 'x', name: 'n' }).size, undefined);
  assert.throws(
    () => parseFile({ _id: 'x', size: 3 }),
    (error: unknown) => error instanceof UnexpectedResponse && error.message.includes('name'),
  );
  for (const bad of [null, [], 'x', { _id: 'x', name: 'n', size: -1 }, { _id: 'x', name: 'n', size: 1.5 }]) {
    assert.throws(
      () => parseFile(bad),
      (error: unknown) => error instanceof UnexpectedResponse,
    );
  }
});

test('an upload and a file are distinguished', () => {
  assert.ok('upload' in parseFileOrUpload({ _id: 'u', name: 'n', received: 0, size: 3 }));
  assert.ok('file' in parseFileOrUpload({ _id: 'f', name: 'n', size: 3 }));
});

test.run();
