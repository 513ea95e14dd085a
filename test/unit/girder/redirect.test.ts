import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nextHop, RedirectRefused } from '../../../src/girder/http/redirect.ts';

const api = new URL('https://data.example.org/api/v1');
const from = new URL('https://data.example.org/api/v1/file/1/download');

function refused(location: string | undefined, start = from): boolean {
  try {
    nextHop(start, location, api);
    return false;
  } catch (error) {
    return error instanceof RedirectRefused;
  }
}

test('the token is sent within the origin of the API', () => {
  assert.is(nextHop(from, '/elsewhere', api).withToken, true);
  assert.is(nextHop(from, '/elsewhere', api).url.href, 'https://data.example.org/elsewhere');
});

test('the token is not sent to another host, port or scheme', () => {
  assert.is(nextHop(from, 'https://bucket.s3.example.com/x?sig=1', api).withToken, false);
  assert.is(nextHop(from, 'https://data.example.org:8443/x', api).withToken, false);
  const plain = new URL('http://data.example.org/api/v1');
  assert.is(nextHop(plain, 'https://data.example.org/x', plain).withToken, false);
});

test('a redirect from https to http is refused', () => {
  assert.ok(refused('http://data.example.org/x'));
});

test('a redirect to anything but http and https is refused', () => {
  for (const location of ['file:///etc/passwd', 'data:,x', 'ftp://x/', undefined, 'http://']) {
    assert.ok(refused(location), location ?? 'none');
  }
});

test('a redirect to the node itself or to the metadata service of a cloud is refused', () => {
  const plain = new URL('http://store.example.com/x');
  const hosts = ['127.0.0.1', 'localhost', 'a.localhost', '169.254.169.254', '0.0.0.0', '2130706433'];
  for (const host of [...hosts, '[::1]', '[fe80::1]', '[::ffff:127.0.0.1]', '[::]', '127.1']) {
    assert.ok(refused(`http://${host}/`, plain), host);
  }
});

test('any spelling of such an address, and its well-known names, are refused', () => {
  const plain = new URL('http://store.example.com/x');
  const addresses = ['100.100.100.200', '168.63.129.16', '192.0.0.192', '[fd00:ec2::254]', '[::a9fe:a9fe]'];
  const translated = [
    '[64:ff9b::a9fe:a9fe]',
    '[64:ff9b:1::7f00:1]',
    '[::ffff:a9fe:a9fe]',
    '[2002:7f00:1::1]',
  ];
  const names = [
    'localhost.',
    'A.localhost.',
    'metadata.google.internal.',
    'metadata.goog',
    '0x7f.1',
    '017700000001',
  ];
  for (const host of [...addresses, ...translated, ...names])
    assert.ok(refused(`http://${host}/`, plain), host);
});

test('redirects to private networks are followed, and checked again when their names are resolved', () => {
  const plain = new URL('http://data.example.org/api/v1');
  for (const host of [
    '10.0.0.7',
    '192.168.1.1',
    '172.16.0.1',
    '100.64.0.1',
    '[fd12::1]',
    '[64:ff9b::a00:1]',
    'minio',
  ])
    assert.is(nextHop(plain, `http://${host}/`, plain).isOtherHost, true, host);
  assert.is(nextHop(plain, 'http://data.example.org:9000/', plain).isOtherHost, false);
});

test('a Girder on the node itself may redirect to itself', () => {
  const local = new URL('http://127.0.0.1:8080/api/v1');
  assert.is(nextHop(local, 'http://127.0.0.1:8080/x', local).withToken, true);
});

test.run();
