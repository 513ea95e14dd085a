import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { authsFor, registryHost } from '../../../src/docker/pull/registry-auths.ts';

function entry(pattern: string) {
  return { pattern, source: pattern, login: { username: 'u', password: 'p' } };
}

/** The patterns that match, in the order in which they are tried. */
function matching(image: string, ...patterns: string[]): string[] {
  return authsFor(image, patterns.map(entry)).map(({ source }) => source);
}

test('the registry of an image is its first part if that looks like a host', () => {
  assert.is(registryHost('busybox'), 'docker.io');
  assert.is(registryHost('lab/x:1'), 'docker.io');
  assert.is(registryHost('index.docker.io/lab/x'), 'docker.io');
  assert.is(registryHost('localhost/x'), 'localhost');
  assert.is(registryHost('localhost:5000/x:1'), 'localhost:5000');
  assert.is(registryHost('ghcr.io/lab/x:1@sha256:0123'), 'ghcr.io');
});

for (const pattern of [
  'ghcr.io',
  'https://ghcr.io',
  'http://ghcr.io/',
  'https://ghcr.io/v1/',
  'ghcr.io/v2/',
  'ghcr.io/lab',
  'ghcr.io/v2/lab/x',
  '*.io',
  'gh??.io',
  'gh[a-d]r.io',
  'gh[^x-z]r.io',
]) {
  test(`${pattern} matches ghcr.io/lab/x`, () => {
    assert.equal(matching('ghcr.io/lab/x:1', pattern), [pattern]);
  });
}

for (const pattern of [
  'ghcr.io:443',
  'ghcr.io/other',
  'ghcr.io.example.org',
  'hcr.io',
  '*',
  '*.ghcr.io',
  '[.io',
  'gh(cr|x).io',
  'docker.io',
  '',
]) {
  test(`${pattern === '' ? 'an empty pattern' : pattern} does not match ghcr.io/lab/x`, () => {
    assert.equal(matching('ghcr.io/lab/x:1', pattern), []);
  });
}

test('a wildcard matches one label of a host, and ports must be equal', () => {
  assert.equal(matching('a.example.org:5000/x', '*.example.org:5000'), ['*.example.org:5000']);
  assert.equal(matching('a.example.org:5000/x', '*.example.org', 'a.example.org:5001'), []);
  assert.equal(matching('a.b.example.org/x', '*.example.org'), []);
});

for (const image of [
  'busybox',
  'library/busybox:1',
  'docker.io/busybox',
  'index.docker.io/library/busybox',
]) {
  test(`${image} is an image of Docker Hub under all of its names`, () => {
    const patterns = ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', 'docker.io/library'];
    assert.equal(matching(image, ...patterns).sort(), patterns.sort());
    assert.is(authsFor(image, [entry('docker.io')])[0]?.auth.serveraddress, 'https://index.docker.io/v1/');
  });
}

test('more specific credentials come first, and equal ones keep their order', () => {
  const image = 'reg.example.org/lab/deep/x:1';
  const patterns = ['*.example.org', 'reg.example.org', 'reg.example.org/lab', 'reg.example.org/lab/deep'];
  assert.equal(matching(image, ...patterns), [...patterns].reverse());
  assert.equal(matching(image, 'https://reg.example.org', 'reg.example.org/v2/', 'reg.example.org'), [
    'https://reg.example.org',
    'reg.example.org/v2/',
    'reg.example.org',
  ]);
});

test("serveraddress is the image's registry, not the pattern", () => {
  const found = authsFor('a.example.org:5000/x', [entry('https://*.example.org:5000/v1/')]);
  assert.equal(found[0]?.auth, { username: 'u', password: 'p', serveraddress: 'a.example.org:5000' });
});

test('a pattern with many stars, for which a search would take minutes, matches nothing', () => {
  const host = `${'a'.repeat(60)}.example.org`;
  assert.equal(matching(`${host}/x`, `${'*a'.repeat(20)}b.example.org`, '*a*.example.org'), [
    '*a*.example.org',
  ]);
});

test.run();
