import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { until } from '../../fixtures/until.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { girderOf, succeeds } from '../support/job-run.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { imageOf } from '../support/test-image.ts';
import { environment } from '../support/environment.ts';
import { aFile } from '../support/girder.ts';
import { Lab, type Manifest, patienceMs, untilReleased } from '../support/runs.ts';
import { execute, succeed } from '../support/shell.ts';

/** Defects of the original with volumes; see docs/defects.md. */

const test = concurrentTest();
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('volumes-of-old');
});
test.after(() => lab?.close());

const connect = (input: Manifest, output: Manifest): Manifest => ({ connect: { input, output } });

test('D8: the path of the temporary volume can be an argument', async () => {
  await lab.run('argument', {
    command: ['sh', '-c', 'echo in > $1/file && cat $2', 'sh'],
    args: ['$(temporaryVolume)', '$(file)'],
    transforms: [{ name: 'file', volumePath: { filename: 'file' } }],
  });
  await succeeds(lab, 'argument');
  assert.is((await lab.log('argument')).toString(), 'in\n');
});

test('D10: a run leaves no volume, pipe or download on the node', async () => {
  using directory = ScratchDirectory.mountable();
  await writeFile(join(directory.path, 'kept.txt'), 'kept');
  const fileId = await aFile('in.txt', Buffer.from('in'));
  const volume = 'data';
  await lab.run('clean', {
    command: ['sh', '-c', 'cat $1 $2 > $3; echo x > $4/x', 'sh'],
    args: ['$(file)', '$(in)', '$(out)', '$(scratch)'],
    volumes: [
      { name: volume, bindMount: { hostPath: directory.path, containerPath: '/data', mode: 'rw' } },
      { name: 'scratch', temporary: { hostDir: join(directory.path, 'temporary') } },
    ],
    transforms: [
      { name: 'file', girderFileIdToVolume: { fileId, volume } },
      {
        name: 'in',
        ...connect({ girderFileIdToStream: { fileId } }, { namedInputPipe: { name: 'pipes/in', volume } }),
      },
      { name: 'out', ...connect({ namedOutputPipe: { name: 'pipes/out', volume } }, { hostStdOut: {} }) },
    ],
    girder: girderOf(),
  });
  const { podName = '' } = await succeeds(lab, 'clean');
  assert.is(await lab.output('clean'), 'inin');
  assert.equal((await readdir(directory.path)).sort(), ['kept.txt', 'temporary']);
  assert.equal(await readdir(join(directory.path, 'temporary')), []);
  const podUid = await lab.kubectl('get', 'pod', podName, '-o', 'jsonpath={.metadata.uid}');
  const emptyDirs = join(
    environment('DOCKERRUN_KUBELET_ROOT'),
    `pods/${podUid}/volumes/kubernetes.io~empty-dir`,
  );
  await until(
    'the kubelet has deleted the temporary volume',
    async () => {
      return !existsSync(emptyDirs) || (await readdir(emptyDirs)).length === 0;
    },
    { withinMs: patienceMs },
  );
});

test('D11: a target that does not run as root can write to its volume and use its pipes', async () => {
  const fileId = await aFile('in.txt', Buffer.from('through pipes'));
  await lab.run('user', {
    command: ['sh', '-c', 'id -u; cat $1 > $3/copy && cat $3/copy > $2', 'sh'],
    args: ['$(in)', '$(out)', '$(temporaryVolume)'],
    docker: { user: '1000:1000' },
    transforms: [
      {
        name: 'in',
        ...connect({ girderFileIdToStream: { fileId } }, { namedInputPipe: { name: 'in' } }),
      },
      { name: 'out', ...connect({ namedOutputPipe: { name: 'out' } }, { hostStdOut: {} }) },
    ],
    girder: girderOf(),
  });
  await succeeds(lab, 'user');
  const log = await lab.output('user');
  assert.is(log.replace('1000\n', ''), 'through pipes');
  assert.is(log.length, '1000\nthrough pipes'.length);
});

test('D15: the anonymous volume of an image is deleted with its container', async () => {
  const image = await imageOf('volume', 'FROM busybox:local\nVOLUME /data\n');
  await lab.run('anonymous', {
    image,
    command: ['sh', '-c', `touch /data/x; ${untilReleased}`],
  });
  const { status } = await lab.running('anonymous');
  const id = status.target?.containerID ?? '';
  const format = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}}{{end}}{{end}}';
  const volume = (await succeed('docker', ['inspect', '--format', format, id])).trim();
  assert.match(volume, /^[0-9a-f]{64}$/);
  await lab.release('anonymous');
  await succeeds(lab, 'anonymous');
  assert.is.not((await execute('docker', ['volume', 'inspect', volume])).code, 0, `${volume} is left`);
});

test('D17: null or empty volumes mean no volumes, and a single volume or a string is rejected', async () => {
  await lab.run('null', { command: ['true'], volumes: null, dockerVolumes: null });
  await lab.run('empty', { command: ['true'], volumes: [], dockerVolumes: {} });
  const bindMount = { hostPath: '/srv/dockerrun', containerPath: '/data' };
  for (const volumes of [{ name: 'single', bindMount }, ['/srv/dockerrun:/data']]) {
    const { code, stderr } = await lab.apply({
      apiVersion: 'dockerrun.dev/v1alpha1',
      kind: 'DockerRun',
      metadata: { name: 'refused' },
      spec: { image: 'busybox:local', volumes },
    });
    assert.is.not(code, 0);
    assert.match(stderr, /spec\.volumes/);
  }
  await succeeds(lab, 'null');
  await succeeds(lab, 'empty');
});

test.run();
