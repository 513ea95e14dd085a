import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  classifyPull,
  initFailure,
  isRemovalInProgress,
  isUnreachable,
  messageOf,
  shortenRuntimeMessage,
  toCreateError,
  toPullError,
  toStartError,
  unavailable,
} from '../../../src/docker/engine-error.ts';

/** What docker-modem throws. */
function refusal(statusCode: number, text: string): Error {
  return Object.assign(new Error(`(HTTP code ${statusCode}) server error - ${text} `), { statusCode });
}

function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code} /x.sock`), { code });
}

const at = { image: 'lab/x:1', name: 'run-1', socketPath: '/x.sock' };

test('an engine on a socket without a server is unreachable, one that refuses a request is not', () => {
  for (const code of ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE']) {
    assert.ok(isUnreachable(systemError(code)), code);
  }
  assert.ok(isUnreachable(new DOMException('too slow', 'TimeoutError')));
  assert.not(isUnreachable(refusal(500, 'no')));
  assert.not(isUnreachable(new DOMException('cancelled', 'AbortError')));
});

test("the engine's message has no prefix of dockerode", () => {
  assert.is(messageOf(refusal(409, 'Conflict. In use - really')), 'Conflict. In use - really');
  assert.is(messageOf(systemError('ENOENT')), 'connect ENOENT /x.sock');
});

test('the errors of a create have different reasons', () => {
  const reason = (error: Error) => toCreateError(error, at).reason;
  const missing = 'invalid mount config for type "bind": bind source path does not exist: /data/a b';
  assert.is(reason(refusal(400, missing)), 'HostPathNotVisible');
  assert.match(toCreateError(refusal(400, missing), at).message, /\/data\/a b$/);
  assert.is(reason(refusal(404, 'No such image: lab/x:1')), 'ImageNotFound');
  assert.is(reason(refusal(409, 'Conflict. The container name "/run-1" is in use')), 'ContainerCreateFailed');
  assert.is(reason(refusal(400, 'No command specified')), 'ContainerCreateFailed');
  assert.is(reason(systemError('ECONNREFUSED')), 'EngineUnavailable');
});

test('a refused start is ContainerStartFailed, a start without an answer is ContainerLost', () => {
  assert.is(toStartError(refusal(400, 'x'), '/x.sock').reason, 'ContainerStartFailed');
  assert.is(toStartError(systemError('ECONNRESET'), '/x.sock').reason, 'ContainerLost');
});

const clause = 'exec: "/nosuch": stat /nosuch: no such file or directory';
for (const [engine, noise] of [
  [
    '20.10',
    `OCI runtime create failed: container_linux.go:380: starting container process caused: ${clause}: unknown`,
  ],
  [
    '20.10 with runc 1.1',
    `failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ${clause}: unknown`,
  ],
  [
    '28',
    `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ${clause}: unknown`,
  ],
] as const) {
  test(`the message of the runtime in engine ${engine} is cut to its last clause`, () => {
    assert.is(shortenRuntimeMessage(noise), clause);
  });
}

test('a message without a known prefix stays as it is', () => {
  const text = 'could not select device driver "" with capabilities: [[gpu]]';
  assert.is(shortenRuntimeMessage(text), text);
});

test('an error line of docker-init is a failed start; the same exit code alone is not', () => {
  const text = '[FATAL tini (7)] exec /nosuch failed: No such file or directory\n';
  const failure = initFailure(127, text);
  assert.is(failure?.reason, 'ContainerStartFailed');
  assert.match(failure?.message ?? '', 'exec /nosuch failed: No such file or directory');
  assert.is(
    initFailure(1, text.replace('No such file or directory', 'Exec format error'))?.reason,
    'ContainerStartFailed',
  );
  const cut = initFailure(127, `[FATAL tini (7)] exec /nosuch/${'x'.repeat(488)}`);
  assert.is(cut?.reason, 'ContainerStartFailed', 'the head of stderr ends within the command');
  assert.match(cut?.message ?? '', 'exec /nosuch/xxx');
  assert.is(initFailure(127, 'sh: nosuch: not found\n'), undefined);
  assert.is(initFailure(127, `first\n${text}`), undefined);
  assert.is(initFailure(0, text), undefined);
});

for (const text of [
  'manifest unknown',
  'manifest for lab/x:1 not found: manifest unknown: manifest unknown',
  "pull access denied for lab/x, repository does not exist or may require 'docker login'",
  'denied: requested access to the resource is denied',
  'denied',
  'unauthorized: authentication required',
  'Head "https://r/v2/x/manifests/1": no basic auth credentials',
  'invalid reference format: repository name must be lowercase',
  'no matching manifest for linux/arm64/v8 in the manifest list entries',
]) {
  test(`"${text.slice(0, 40)}" is not worth a retry`, () => {
    assert.ok(['refused', 'missing'].includes(classifyPull(refusal(500, text))));
    assert.is(toPullError(new Error(text), { image: 'lab/x:1', tries: 1 }).reason, 'ImageNotFound');
  });
}

for (const text of [
  'Get "http://localhost:5999/v2/": dial tcp 127.0.0.1:5999: connect: connection refused',
  'Get "http://localhost:5999/v2/": EOF',
  'Get "http://x/v2/": net/http: request canceled (Client.Timeout exceeded while awaiting headers)',
  'toomanyrequests: You have reached your pull rate limit',
  'toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit',
  'received unexpected HTTP status: 503 Service Unavailable',
  'unexpected status from HEAD request to http://r/v2/x/manifests/1: 502 Bad Gateway',
  'error parsing HTTP 429 response body: invalid character',
  'unknown: unknown error',
  'unavailable: service unavailable',
  'read tcp 10.0.0.1:1->10.0.0.2:443: read: connection reset by peer',
  'net/http: TLS handshake timeout',
]) {
  test(`"${text.slice(-40)}" is waited for`, () => {
    assert.is(classifyPull(refusal(500, text)), 'away');
    assert.is(toPullError(new Error(text), { image: 'lab/x:1', tries: 4 }).reason, 'ImagePullFailed');
  });
}

for (const text of [
  'Get "https://r/v2/": dial tcp: lookup r: no such host',
  'Get "https://r/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
  'Get "https://r/v2/": http: server gave HTTP response to HTTPS client',
  'unexpected EOF',
  'failed to register layer: unsupported layer type',
]) {
  test(`"${text.slice(-40)}" is worth a few retries`, () => {
    assert.is(classifyPull(refusal(500, text)), 'unclear');
    assert.is(toPullError(new Error(text), { image: 'lab/x:1', tries: 4 }).reason, 'ImagePullFailed');
  });
}

for (const text of [
  'no matching manifest for linux/arm64 in the manifest list entries',
  'no match for platform in manifest: not found',
  'image with reference x was found but does not match the specified platform: wanted linux/arm64',
]) {
  test(`"${text.slice(-40)}" is not worth a retry`, () => {
    assert.is(classifyPull(refusal(500, text)), 'missing');
  });
}

test('the error for an engine that does not answer names its cause and the setting', () => {
  assert.match(unavailable('/x.sock', systemError('EACCES')).message, 'permission denied');
  assert.match(unavailable('/x.sock', systemError('ENOENT')).sentence, 'DOCKERRUN_DOCKER_SOCKET');
});

test('a removal that is already in progress is recognised', () => {
  assert.ok(isRemovalInProgress(refusal(409, 'removal of container abc is already in progress')));
  assert.not(isRemovalInProgress(refusal(409, 'You cannot remove a running container')));
});

test.run();
