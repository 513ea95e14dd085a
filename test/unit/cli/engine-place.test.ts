import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UsageError } from '../../../src/cli/arguments.ts';
import { parseAddress } from '../../../src/cli/local/engine-address.ts';
import { sharesFiles } from '../../../src/cli/remote/engine-place.ts';
import { sshArguments } from '../../../src/docker/engine-agent.ts';

const tls = { ca: 'CA' };
const parsed = (text: string, files?: typeof tls) => parseAddress(text, 'DOCKER_HOST', files);

test('an address is read as the docker command reads it', () => {
  assert.equal(parsed('unix:///x.sock'), { kind: 'socket', path: '/x.sock' });
  assert.equal(parsed('npipe:////./pipe/docker_engine'), { kind: 'socket', path: '//./pipe/docker_engine' });
  assert.equal(parsed('tcp://far', tls), { kind: 'tcp', host: 'far', port: 2376, tls });
  assert.equal(parsed('tcp://[::1]:99', tls), { kind: 'tcp', host: '::1', port: 99, tls });
  assert.equal(parsed('tcp://127.0.0.1'), { kind: 'tcp', host: '127.0.0.1', port: 2375 });
  const plain = { kind: 'ssh', host: 'far', user: undefined, port: undefined, socket: undefined };
  assert.equal(parsed('ssh://far'), plain);
  const full = { ...plain, user: 'me', port: '22', socket: '/run/user/1000/docker.sock' };
  assert.equal(parsed('ssh://me@far:22/run/user/1000/docker.sock'), full);
});

for (const [text, sentence] of [
  ['tcp://far:2375', 'without TLS, but a run sends secrets there'],
  ['ssh://me:word@far', 'has a password in it'],
  ['ssh://far/x;reboot', 'the path must be that of the engine'],
  ['far:2375', 'no address of a Docker Engine'],
  ['unix://', 'no address of a Docker Engine'],
  ['http://far', 'no address of a Docker Engine'],
] as const)
  test(`${text} is refused with one sentence`, () => {
    assert.throws(
      () => parsed(text),
      (error: unknown) => error instanceof UsageError && error.message.includes(sentence),
    );
  });

test('only a socket on Linux is taken for an engine that sees the files of the command', () => {
  const socket = parsed('unix:///var/run/docker.sock');
  assert.ok(sharesFiles(socket, 'linux', false));
  assert.not.ok(sharesFiles(socket, 'linux', true), '--remote');
  assert.not.ok(sharesFiles(socket, 'darwin', false));
  assert.not.ok(sharesFiles(socket, 'win32', false));
  assert.not.ok(sharesFiles(parsed('ssh://far'), 'linux', false));
  assert.not.ok(sharesFiles(parsed('tcp://localhost:2375'), 'linux', false));
});

test('ssh gets the arguments that docker gives it, and no name can be an option', () => {
  const fixed = ['-o', 'ConnectTimeout=30', '-T', '--'];
  const dial = ['system', 'dial-stdio'];
  assert.equal(sshArguments({ kind: 'ssh', host: '-oProxyCommand=x' }), [
    ...fixed,
    '-oProxyCommand=x',
    'docker',
    ...dial,
  ]);
  assert.equal(sshArguments({ kind: 'ssh', host: 'far', user: 'me', port: '22', socket: '/s.sock' }), [
    ...['-l', 'me', '-p', '22', ...fixed, 'far', 'docker', '--host', 'unix:///s.sock'],
    ...dial,
  ]);
});

test.run();
