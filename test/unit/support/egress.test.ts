import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bypasses, certificatesOf, parseProxy, proxyFor, useEgress } from '../../../src/support/egress.ts';

for (const [list, url, isBypassed] of [
  ['', 'http://a.example.org/', false],
  ['*', 'http://a.example.org/', true],
  ['example.org', 'https://example.org/', true],
  ['example.org', 'https://a.example.org/', true],
  ['example.org', 'https://badexample.org/', false],
  ['.example.org', 'https://a.b.example.org/', true],
  ['*.example.org', 'https://A.Example.org/', true],
  ['x, EXAMPLE.org.  y', 'https://example.org/', true],
  ['a.example.org', 'https://example.org/', false],
  ['example.org:8443', 'https://example.org/', false],
  ['example.org:443', 'https://example.org/', true],
  ['example.org:80', 'http://example.org/', true],
  ['10.0.0.0/8', 'http://10.2.3.4:9000/', true],
  ['10.0.0.0/8', 'http://11.2.3.4/', false],
  ['10.0.0.0/8', 'http://ten.example.org/', false],
  ['10.0.0.0/99', 'http://10.2.3.4/', false],
  ['10.2.3.4', 'http://10.2.3.4:81/', true],
  ['2.3.4', 'http://1.2.3.4/', false],
  ['fd00::/8', 'http://[fd12::1]/', true],
  ['[fd12::1]:81', 'http://[fd12::1]:81/', true],
  ['fd12::1', 'http://[fd12::1]:81/', true],
] as const) {
  test(`NO_PROXY "${list}" ${isBypassed ? 'names' : 'does not name'} ${url}`, () => {
    assert.is(bypasses(list, new URL(url)), isBypassed);
  });
}

test('the scheme of the address chooses the proxy, and an address without a scheme is http', () => {
  useEgress({ httpProxy: 'plain.example.org:3128', httpsProxy: 'https://u:p@secure.example.org' });
  assert.is(proxyFor(new URL('http://x/'))?.name, 'http://plain.example.org:3128');
  assert.is(proxyFor(new URL('https://x/'))?.name, 'https://secure.example.org');
  useEgress({});
  assert.is(proxyFor(new URL('https://x/')), undefined);
});

test('an invalid proxy is refused without its password', () => {
  for (const text of ['socks5://user:secret@host:1', 'http://user:secret@', 'http://user:secret@host:port']) {
    let message = '';
    try {
      parseProxy(text);
    } catch (error) {
      message = (error as Error).message;
    }
    assert.match(message, 'http://HOST:PORT', text);
    assert.not.match(message, 'secret');
  }
});

test('a bundle without a valid certificate is refused', () => {
  assert.throws(() => certificatesOf('none'), /no certificate/);
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
  assert.throws(() => certificatesOf(broken), /certificate 1 of the CA bundle is invalid/);
});

test.run();
