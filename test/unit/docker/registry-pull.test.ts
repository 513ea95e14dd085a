import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { classifyPull } from '../../../src/docker/engine-error.ts';
import { refusedPull } from '../../../src/docker/pull/registry-pull.ts';
import { registryAuths } from '../../../src/docker/pull/docker-config.ts';

/** What docker-modem throws. */
function answer(statusCode: number, text: string): Error {
  return Object.assign(new Error(`(HTTP code ${statusCode}) server error - ${text} `), { statusCode });
}

for (const text of [
  'Head "https://reg.example.org/v2/x/manifests/1": no basic auth credentials',
  'Get "https://reg.example.org/v2/": unauthorized: authentication required',
  'Error response from daemon: Head "https://ghcr.io/v2/lab/x/manifests/1": denied',
  'denied: requested access to the resource is denied',
  "pull access denied for lab/x, repository does not exist or may require 'docker login'",
  'unauthorized: incorrect username or password',
  'error parsing HTTP 403 response body: invalid character',
  'unexpected status code 401 Unauthorized',
  'received unexpected HTTP status: 403 Forbidden',
]) {
  test(`the registry refuses access: ${text}`, () => {
    assert.is(classifyPull(answer(500, text)), 'refused');
    assert.is(classifyPull(new Error(text)), 'refused');
  });
}

for (const text of [
  'manifest for reg.example.org/x:1 not found: manifest unknown: manifest unknown',
  'toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating',
  'received unexpected HTTP status: 503 Service Unavailable',
  'open /var/lib/docker/tmp/x: permission denied',
  'dial tcp 10.0.0.1:4031: connect: connection refused',
]) {
  test(`the registry does not refuse access: ${text}`, () => {
    assert.is.not(classifyPull(answer(500, text)), 'refused');
  });
}

test('a status alone classifies a failure, whatever its text', () => {
  assert.is(classifyPull(answer(401, 'no')), 'refused');
  assert.is(classifyPull(answer(403, 'no')), 'refused');
  assert.is(classifyPull(answer(404, 'no')), 'missing');
});

test('the message distinguishes missing from refused credentials, and names each Secret once', () => {
  const pull = { image: 'reg.example.org/x:1', auths: registryAuths([]) };
  const error = new Error('denied');
  assert.is(
    refusedPull(error, { ...pull, tried: [] }).message,
    'The image reg.example.org/x:1 cannot be pulled because there are no credentials for its registry reg.example.org ' +
      '(name a Secret with credentials for reg.example.org in spec.imagePullSecrets): denied',
  );
  assert.is(
    refusedPull(error, { ...pull, tried: ['Secret a', 'Secret a', 'Secret b'] }).message,
    'The image reg.example.org/x:1 cannot be pulled because its registry reg.example.org refused the credentials of ' +
      'Secret a and Secret b: denied',
  );
});

test.run();
