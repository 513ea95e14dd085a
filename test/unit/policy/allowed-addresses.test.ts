import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isBelow } from '../../../src/policy/allowed-addresses.ts';

const root = 'https://ingest.example.org/streams';

for (const url of [
  'https://ingest.example.org/streams',
  'https://ingest.example.org/streams/',
  'https://ingest.example.org/streams/a/../',
  'https://ingest.example.org/streams/a?to=/../x#y',
  'https://INGEST.example.org:443/streams/..a',
] as const) {
  const isAllowed = !url.includes('/a/../');
  test(`${url} is ${isAllowed ? '' : 'not '}below ${root}`, () => assert.is(isBelow(url, root), isAllowed));
}

for (const url of [
  'https://ingest.example.org/streamsx',
  'https://ingest.example.org/',
  'https://ingest.example.org/streams/%2e%2E/admin',
  'https://ingest.example.org/streams%2f..%2fadmin',
  'https://ingest.example.org/streams/%5c',
  'https://ingest.example.org\\@evil.example/streams',
  'https://evil.example\\ingest.example.org/streams',
  'https://user@ingest.example.org/streams',
  'https://ingest.example.org:80/streams',
  'https://ingest.example.org.evil.example/streams',
  'http://ingest.example.org/streams',
] as const) {
  test(`${url} is not below ${root}`, () => assert.not(isBelow(url, root)));
}

test('an ambiguous URL in the policy allows nothing', () => {
  for (const odd of ['https://user@a.example', 'https://a.example/..', 'https://a.example/%2e'])
    assert.not(isBelow(odd, odd), odd);
});

test('an allowed URL has the origin and the path prefix of the policy also when URL parses it', () => {
  const part = fc.constantFrom(
    'streams',
    'a',
    '..',
    '.',
    '',
    '%2e',
    '\\',
    '@',
    ':443',
    '/',
    '?',
    '#',
    'x',
    '.%2E',
  );
  const begin = fc.constantFrom(
    'https://ingest.example.org',
    'https://',
    'https://ingest.example.org/streams',
  );
  fc.assert(
    fc.property(begin, fc.array(part, { maxLength: 8 }), (start, parts) => {
      const url = start + parts.join('/');
      if (!isBelow(url, root)) return;
      const sent = new URL(url);
      assert.is(sent.origin, 'https://ingest.example.org', url);
      assert.ok(`${sent.pathname}/`.startsWith('/streams/'), url);
      assert.is(sent.username + sent.password, '', url);
    }),
    { numRuns: 3000 },
  );
});

test.run();
