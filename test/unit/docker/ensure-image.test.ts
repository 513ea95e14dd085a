import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkName } from '../../../src/docker/pull/ensure-image.ts';
import { registryHost } from '../../../src/docker/pull/registry-auths.ts';
import { RunError } from '../../../src/support/errors.ts';

function isRefused(image: string): boolean {
  try {
    checkName(image);
    return false;
  } catch (error) {
    assert.ok(error instanceof RunError && error.reason === 'ImageNotFound');
    return true;
  }
}

test('a registry may be a name, an IPv4 address or an IPv6 address in brackets', () => {
  for (const image of [
    'a:1',
    'r.example.org:5000/a/b',
    '10.0.0.1:5000/a',
    '[fd00::1]:5000/a:1',
    '[::ffff:10.0.0.1]/a',
  ])
    assert.not.ok(isRefused(image), image);
  assert.is(registryHost('[fd00::1]:5000/a/b:1'), '[fd00::1]:5000');
});

test('nothing else may have brackets, and no name may change the path of a request', () => {
  for (const image of [
    '[',
    '[fd00::1]',
    '[fd00::1]a',
    'a/[fd00::1]/b',
    '[x]/a',
    '[::1]/../a',
    'a?b',
    'a b',
    '',
    '../a',
  ])
    assert.ok(isRefused(image), image);
});

test.run();
