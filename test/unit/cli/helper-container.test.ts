import { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { helperBody, bindsOf } from '../../../src/cli/remote/helper-container.ts';
import {
  type HelperRequest,
  passedVariables,
  readRequest,
  writeRequest,
} from '../../../src/cli/remote/helper-request.ts';

const plan = {
  name: 'dockerrun-helper-1',
  image: 'node:24-slim',
  engineSocket: '/run/user/1000/docker.sock',
  run: 'default/segment',
  spec: {},
};

test('the helper has an anonymous volume and the socket of the engine, as its machine has it', () => {
  const { HostConfig, Image, Labels } = helperBody(plan);
  assert.equal(HostConfig.Mounts, [
    { Type: 'volume', Target: '/dockerrun' },
    {
      Type: 'bind',
      Source: '/run/user/1000/docker.sock',
      Target: '/var/run/docker.sock',
      ReadOnly: false,
    },
  ]);
  assert.is(Image, plan.image);
  assert.equal(Labels, { 'dockerrun.dev/run': 'default/segment' });
});

test('the standard input of the helper ends with the command, and its output is not logged', () => {
  const { OpenStdin, StdinOnce, Tty, HostConfig } = helperBody(plan);
  assert.equal([OpenStdin, StdinOnce, Tty], [true, true, false]);
  assert.is(HostConfig.LogConfig.Type, 'none');
});

test('directories that the spec takes from the machine of the engine are mounted into the helper as well', () => {
  const volumes = [
    { name: 'read', bindMount: { hostPath: '/data', containerPath: '/data', mode: 'ro,z' as const } },
    { name: 'write', bindMount: { hostPath: '/more', containerPath: '/more', mode: 'rw,Z' as const } },
    { name: 'fast', temporary: { hostDir: '/fast' } },
    { name: 'plain', temporary: {} },
    {
      name: 'named',
      namedVolume: { volumeName: 'cache', containerPath: '/cache', create: false, readOnly: false },
    },
  ];
  assert.equal(bindsOf({ volumes }), [
    { source: '/data', target: '/dockerrun-bound/read', readOnly: true },
    { source: '/more', target: '/dockerrun-bound/write', readOnly: false },
    { source: '/fast', target: '/dockerrun-bound/fast', readOnly: false },
  ]);
});

test('only variables that a run uses leave the machine', () => {
  const secret = { GIRDER_API_KEY: 'k', DOCKERRUN_SECRET_S_K: 'v', https_proxy: 'http://p', NO_PROXY: 'x' };
  const kept = { AWS_SECRET_ACCESS_KEY: 'a', HOME: '/home/me', GIRDER_API_URL: 'u', DOCKER_HOST: 'd' };
  assert.equal(passedVariables({ ...secret, ...kept }), secret);
});

test('the request comes out as it went in, split anywhere, and each line behind it is a signal', async () => {
  const request: HelperRequest = {
    chosen: { kind: 'DockerRun', note: 'ä\nb' },
    manifest: { file: 'run.yaml', runs: [], secrets: [], configMaps: [], ignored: [] },
    quiet: false,
    inputs: {},
    outputs: { mask: '/dockerrun/outputs/mask' },
    variables: {},
    auths: { entries: [], advice: 'docker login' },
    volumeSource: '/var/lib/docker/volumes/1/_data',
  };
  const bytes = Buffer.from(`${writeRequest(request)}SIGINT\nSIGKILL\nSIGTERM\n`);
  const stdin = new Readable({ read: () => undefined });
  for (let at = 0; at < bytes.length; at += 7) stdin.push(bytes.subarray(at, at + 7));
  const signals: string[] = [];
  const received = Promise.withResolvers<void>();
  const read = readRequest(stdin, (name) => {
    signals.push(name);
    if (name === 'SIGTERM') received.resolve();
  });
  assert.equal(await read, request);
  await received.promise;
  assert.equal(signals, ['SIGINT', 'SIGTERM']);
});

test('a standard input that ends before the request is an error, not a run', async () => {
  const failure = await readRequest(Readable.from([Buffer.from('{"chosen":')]), () => undefined).catch(
    ({ message }: Error) => message,
  );
  assert.match(JSON.stringify(failure), 'ended before its request');
});

test.run();
