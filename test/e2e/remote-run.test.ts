import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { freePorts } from '../fixtures/free-ports.ts';
import { OwnEngine } from '../fixtures/own-engine.ts';
import { makePrivateCa } from '../fixtures/tls-front.ts';
import { until } from '../fixtures/until.ts';
import { environment } from './support/environment.ts';
import { aFile, aFileIn, aFolder, anItem, download, filesOf } from './support/girder.ts';
import { type Ended, LocalLab } from './support/local-run.ts';
import { releaseContainer, untilReleased } from './support/runs.ts';
import { succeed } from './support/shell.ts';

/**
 * `dockerrun run` with an engine that sees none of the command's files, as one on another machine: the directories of the
 * test and of the project are empty for it. The command reaches it with TLS, or with ssh.
 */

const workerImage = environment('DOCKERRUN_IMAGE');
const project = join(import.meta.dirname, '../..');
let lab: LocalLab;
let engine: OwnEngine;
let overTls: NodeJS.ProcessEnv;

test.before(async () => {
  lab = await LocalLab.open();
  await writeFile(join(lab.directory, 'numbers.txt'), '1\n2\n', { mode: 0o600 });
  await mkdir(join(lab.directory, 'series', 'deep'), { recursive: true });
  await writeFile(join(lab.directory, 'series', 'deep', '1.dcm'), 'slice');
  const [port = 0] = await freePorts(1);
  engine = await OwnEngine.start({
    diskMiB: 2048,
    images: ['busybox:local', workerImage],
    hidden: [lab.directory, project],
    tls: { port, ca: makePrivateCa('engine') },
  });
  overTls = {
    DOCKER_HOST: `tcp://localhost:${port}`,
    DOCKER_TLS_VERIFY: '1',
    DOCKER_CERT_PATH: engine.certificates,
  };
});
test.after(async () => {
  await engine[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

const local = (name: string) => join(lab.directory, name);
const docker = (...args: string[]) => succeed('docker', ['-H', `unix://${engine.socketPath}`, ...args]);
const options = () => ['--worker-image', workerImage, '--engine-socket', engine.socketPath];
const start = async (spec: object, args: readonly string[] = [], more: NodeJS.ProcessEnv = overTls) =>
  lab.start(['run', await lab.file(lab.run({ ...spec })), ...options(), ...args], more);

/** All containers and volumes of the engine. */
async function left(): Promise<string[]> {
  const found = await Promise.all([docker('ps', '--all', '--quiet'), docker('volume', 'ls', '--quiet')]);
  return found.flatMap((lines) => lines.split('\n').filter((line) => line !== ''));
}

test('local inputs reach the target and its results come back, byte for byte, with no path in common', async () => {
  const run = await start(
    {
      command: ['sh', '-ec'],
      args: [
        `test ! -e ${lab.directory}/numbers.txt; cat "$0" "$1"/deep/*; mkdir "$3"; head -c 300000 /dev/urandom > "$2"; cp "$2" "$3/copy"`,
        ...['$(numbers)', '$(series)', '$(noise)', '$(tables)'],
      ],
      transforms: [
        { name: 'numbers', girderFileIdToVolume: {} },
        { name: 'series', girderFolderIdToVolume: {} },
        { name: 'noise', volumePath: { filename: 'noise.bin' } },
        { name: 'tables', volumePath: { filename: 'tables' } },
      ],
      docker: { user: '1234:1234' },
    },
    [
      ...['-i', `numbers=${local('numbers.txt')}`, '-i', `series=${local('series')}`],
      ...['-o', `noise=${local('results/noise.bin')}`, '-o', `tables=${lab.directory}`],
    ],
  );
  const { code, stdout, stderr } = await run.ended;
  assert.is(code, 0, stderr);
  assert.is(stdout.toString(), '1\n2\nslice');
  const noise = await readFile(local('results/noise.bin'));
  assert.is(noise.length, 300_000);
  assert.ok(noise.equals(await readFile(local('tables/copy'))));
  assert.match(stderr, `dockerrun: result noise.bin: ${local('results/noise.bin')}\n`);
  assert.match(stderr, /dockerrun: done: the target ended with exit code 0\n$/);
  assert.ok(stderr.split('\n').every((line) => line === '' || line.startsWith('dockerrun: ')));
  assert.equal(await left(), []);
});

test('a run with Girder succeeds, a named pipe included, and the key is nowhere in what the engine says of its containers', async () => {
  const [fileId, itemId] = [await aFile('in.txt', Buffer.from('data')), await anItem('remote')];
  const apiKey = environment('GIRDER_API_KEY');
  const run = await start(
    {
      command: ['sh', '-ec', 'cat "$(stream)" "$(in)" > "$(out)"; echo begun; ' + untilReleased],
      transforms: [
        {
          name: 'stream',
          connect: {
            input: { girderFileIdToStream: { fileId } },
            output: { namedInputPipe: { name: 'pipe' } },
          },
        },
        { name: 'in', girderFileIdToVolume: { fileId } },
        { name: 'out', volumePath: { filename: 'out.txt' } },
      ],
      girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
      girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
    },
    [],
    { ...overTls, GIRDER_API_KEY: apiKey },
  );
  await run.prints('begun\n');
  const ids = (await docker('ps', '--all', '--quiet')).trim().split('\n');
  assert.is(ids.length, 2);
  assert.not.match(await docker('inspect', ...ids), apiKey);
  const target = (await docker('ps', '--quiet', '--filter', 'ancestor=busybox:local')).trim();
  await releaseContainer(target, engine.socketPath);
  const { code, stderr } = await run.ended;
  assert.is(code, 0, stderr);
  const [result] = await filesOf(itemId);
  assert.is((await download(result?._id ?? '')).toString(), 'datadata');
  assert.equal(await left(), []);
});

test('directories of the engine are mounted there, and Secrets of the file are files there', async () => {
  const there = join(engine.disk, 'there');
  await mkdir(join(there, 'data'), { recursive: true });
  await writeFile(join(there, 'data', 'in.txt'), 'from there, ');
  const file = await lab.file(
    lab.run({
      command: ['sh', '-ec', 'cat /data/in.txt /keys/k; echo kept > "$(note)"; touch "$(fast)/x"'],
      volumes: [
        { name: 'data', bindMount: { hostPath: join(there, 'data'), containerPath: '/data', mode: 'rw' } },
        { name: 'fast', temporary: { hostDir: there } },
        { name: 'keys', secret: { secretName: 's', containerPath: '/keys' } },
      ],
      transforms: [{ name: 'note', volumePath: { filename: 'note.txt', volume: 'data' } }],
    }),
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { k: 'and a key' } },
  );
  const { code, stdout, stderr } = await lab.dockerrun(['run', file, ...options()], overTls);
  assert.is(code, 0, stderr);
  assert.is(stdout.toString(), 'from there, and a key');
  assert.is(await readFile(join(there, 'data', 'note.txt'), 'utf8'), 'kept\n');
  assert.equal(await readdir(there), ['data']);
  assert.equal(await left(), []);
});

test('Ctrl-C stops the target gracefully; a failed target passes on its exit code and its output', async () => {
  const script = 'trap "echo bye; exit 0" TERM; echo begun; while :; do sleep 0.1; done';
  const stopped = await start({ command: ['sh', '-c', script] });
  await stopped.prints('begun\n');
  stopped.child.kill('SIGINT');
  const { code, stdout, stderr } = await stopped.ended;
  assert.is(code, 130, stderr);
  assert.is(stdout.toString(), 'begun\nbye\n');
  assert.match(stderr, 'the run was stopped by SIGINT');
  const failed = await (await start({ command: ['sh', '-c', 'printf "a\\000b"; exit 7'] }, ['-q'])).ended;
  assert.is(failed.code, 7, failed.stderr);
  assert.is(failed.stdout.toString(), 'a\0b');
  assert.match(failed.stderr, /^dockerrun: failed \(TargetFailed\)[^\n]*\n$/);
  assert.equal(await left(), []);
});

test('the first inputs of a set run there as well', async () => {
  const root = await aFolder(`remote-set-${crypto.randomUUID()}`);
  const [inputs, results] = [await aFolder('in', root), await aFolder('out', root)];
  for (const name of ['a', 'b']) await aFileIn(inputs, name, Buffer.from(name));
  const set = {
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRunSet',
    metadata: { name: 'remote' },
    spec: {
      girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
      source: { folder: { id: inputs }, settleSeconds: 0 },
      results: { folder: { id: results } },
      template: {
        spec: {
          image: 'busybox:local',
          imagePullPolicy: 'Never',
          command: ['/bin/sh', '-ec', 'cp "$0" "$1/copy"; echo "$2"'],
          args: ['$(item)', '$(result)', '$(item.name)'],
        },
      },
    },
  };
  const more = { ...overTls, GIRDER_API_KEY: environment('GIRDER_API_KEY') };
  const { code, stdout, stderr } = await lab.dockerrun(['run', '-', ...options()], more, stringify(set));
  assert.is(code, 0, stderr);
  assert.is(stdout.toString(), 'a\nb\n');
  assert.match(stderr, 'dockerrun: done: 2 inputs succeeded\n');
  assert.equal(await left(), []);
});

test('when the command is killed, the helper stops the target and removes everything, itself included', async () => {
  const run = await start({
    command: ['sh', '-c', 'echo begun; sleep 1000'],
    terminationGracePeriodSeconds: 1,
  });
  await run.prints('begun\n');
  run.child.kill('SIGKILL');
  await until('the engine has nothing of the run', left, {
    holds: (all) => all.length === 0,
    withinMs: 60_000,
  });
});

test('DOCKER_HOST=ssh://… goes through the ssh command and the docker command there', async () => {
  // In the place of ssh: it looks at its arguments, and runs what a server would run.
  const script = `#!/bin/sh\n[ "$*" = "-l me -p 2222 -o ConnectTimeout=30 -T -- server docker system dial-stdio" ] || exit 255\nexec env DOCKER_HOST=unix://${engine.socketPath} docker system dial-stdio\n`;
  await mkdir(local('bin'));
  await writeFile(local('bin/ssh'), script);
  await chmod(local('bin/ssh'), 0o755);
  const more = { DOCKER_HOST: 'ssh://me@server:2222', PATH: `${local('bin')}:${environment('PATH')}` };
  const { code, stdout, stderr }: Ended = await (
    await start({ command: ['sh', '-c', 'echo over ssh; exit 3'] }, [], more)
  ).ended;
  assert.is(code, 3, stderr);
  assert.is(stdout.toString(), 'over ssh\n');
  const refused = { ...more, DOCKER_HOST: 'ssh://other' };
  const failed = await (await start({ command: ['true'] }, [], refused)).ended;
  assert.is(failed.code, 66, failed.stderr);
  assert.match(failed.stderr, /does not answer on ssh:\/\/other: ssh ended with exit code 255/);
  assert.equal(await left(), []);
});

test('an engine without the usual socket fails the run with a message that names the option', async () => {
  const file = await lab.file(lab.run({ command: ['true'] }));
  const { code, stderr } = await lab.dockerrun(
    ['run', file, '--worker-image', workerImage, '--engine-socket', '/nosuch/docker.sock'],
    overTls,
  );
  assert.is(code, 66, stderr);
  assert.match(stderr, /has no socket \/nosuch\/docker\.sock on its machine; name it with --engine-socket/);
  assert.equal(await left(), []);
});

test.run();
