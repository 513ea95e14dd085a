import { join } from 'node:path';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { environment } from './support/environment.ts';
import { aFile } from './support/girder.ts';
import { NodeDirectory } from './support/node-directory.ts';
import { Lab, untilReleased } from './support/runs.ts';
import { killWorker } from './support/worker-process.ts';

let lab: Lab;
let made: NodeDirectory;
let directory: string;

test.before(async () => {
  lab = await Lab.open('volumes');
  made = await NodeDirectory.make('test');
  directory = made.path;
});
test.after(async () => {
  await lab.close();
  await made.remove();
});

test('a bind mount is a directory of the node, for reading and writing', async () => {
  await made.write('in.txt', 'from the node');
  await lab.run('bind', {
    command: ['sh', '-c', 'cat $(data)/in.txt > $(data)/copy.txt'],
    volumes: [{ name: 'data', bindMount: { hostPath: directory, containerPath: '/data', mode: 'rw' } }],
  });
  const status = await lab.ended('bind');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(await made.read('copy.txt'), 'from the node');
});

test('a read-only bind mount and a read-only docker volume cannot be written', async () => {
  await lab.run('readonly', {
    command: [
      'sh',
      '-c',
      'touch $(data)/x 2> /dev/null; echo $?; touch /docker/x 2> /dev/null; echo $?; cat /docker/in.txt',
    ],
    volumes: [{ name: 'data', bindMount: { hostPath: directory, containerPath: '/data', mode: 'ro' } }],
    dockerVolumes: { [directory]: { bind: '/docker', mode: 'ro' } },
  });
  assert.is((await lab.ended('readonly')).phase, 'Succeeded');
  assert.equal((await lab.log('readonly')).toString().split('\n'), ['1', '1', 'from the node']);
});

test('a directory that the engine relabels is mounted as without SELinux', async () => {
  await lab.run('relabeled', {
    command: [
      'sh',
      '-c',
      'cat $(data)/in.txt; touch $(data)/x 2> /dev/null || echo refused; cat /docker/in.txt',
    ],
    volumes: [{ name: 'data', bindMount: { hostPath: directory, containerPath: '/data', mode: 'ro,z' } }],
    dockerVolumes: { [directory]: { bind: '/docker', mode: 'rw,Z' } },
  });
  const status = await lab.ended('relabeled');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(await lab.output('relabeled'), 'from the noderefused\nfrom the node');
});

test('a file of the node is a bind mount, unless a transform needs a directory there', async () => {
  const file = join(directory, 'license.txt');
  await made.write('license.txt', 'a license\n');
  const volume = (mode: string) => ({
    volumes: [{ name: 'license', bindMount: { hostPath: file, containerPath: '/opt/license.txt', mode } }],
  });
  await lab.run('file', {
    command: ['sh', '-c', 'cat $(license); echo used >> $(license)'],
    ...volume('rw'),
  });
  const status = await lab.ended('file');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(await lab.output('file'), 'a license\n');
  assert.is(await made.read('license.txt'), 'a license\nused\n');
  const transforms = [{ name: 'in', volumePath: { filename: 'x', volume: 'license' } }];
  await lab.run('no-directory', { ...volume('ro'), transforms });
  const { message = '' } = await lab.ended('no-directory');
  assert.match(message, 'license.txt is a file, but transform in needs a directory');
  await made.remove('license.txt');
});

test('a file that is downloaded into a bind mount is removed from the node afterwards', async () => {
  const fileId = await aFile('a file.txt', Buffer.from('downloaded'));
  await lab.run('cleanup', {
    command: ['sh', '-c', 'cat "$1" "$2"; touch /data/kept', 'sh'],
    args: ['$(plain)', '$(named)'],
    volumes: [{ name: 'data', bindMount: { hostPath: directory, containerPath: '/data', mode: 'rw' } }],
    transforms: [
      { name: 'plain', girderFileIdToVolume: { fileId, volume: 'data' } },
      { name: 'named', girderFileIdToVolume: { fileId, volume: 'data', filename: 'sub/named.txt' } },
    ],
    girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
  });
  const status = await lab.ended('cleanup');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(await lab.output('cleanup'), 'downloadeddownloaded');
  assert.equal(await made.list(), ['copy.txt', 'in.txt', 'kept']);
});

test('a file that a killed worker downloaded into a bind mount does not block the next attempt', async () => {
  const fileId = await aFile('again.txt', Buffer.from('again'));
  await lab.run('again', {
    command: ['sh', '-c', `cat $(named); ${untilReleased}`],
    backoffLimit: 1,
    volumes: [{ name: 'data', bindMount: { hostPath: directory, containerPath: '/data', mode: 'ro' } }],
    transforms: [
      { name: 'named', girderFileIdToVolume: { fileId, volume: 'data', filename: 'sub/again.txt' } },
    ],
    girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
  });
  const first = await lab.running('again');
  await killWorker(lab, first.status.podName ?? '');
  await lab.release('again', first);
  const end = await lab.ended('again');
  assert.is(end.phase, 'Succeeded', end.message);
  assert.is(end.attempts, 2);
  assert.equal(await made.list(), ['copy.txt', 'in.txt', 'kept']);
});

test('Secrets and ConfigMaps are files that the target can read but not write, as any user', async () => {
  await lab.secret('license', { key: 'secret words', other: 'x' });
  await lab.kubectl('create', 'configmap', 'model', '--from-literal=settings.json={}');
  await lab.run('files', {
    command: [
      'sh',
      '-c',
      'cat /license/sub/key $(model)/settings.json; ls /license; touch /license/x 2> /dev/null || echo refused',
    ],
    docker: { user: '1000:1000' },
    volumes: [
      {
        name: 'license',
        secret: {
          secretName: 'license',
          containerPath: '/license',
          items: [{ key: 'key', path: 'sub/key' }],
        },
      },
      { name: 'model', configMap: { name: 'model', containerPath: '/model' } },
      { name: 'scratch', temporary: { containerPath: '/scratch' } },
    ],
  });
  const status = await lab.ended('files');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(await lab.output('files'), 'secret words{}sub\nrefused\n');
});

test('a temporary volume is where its containerPath says', async () => {
  await lab.run('fixed-path', {
    command: ['sh', '-c', 'echo done > /output/result; cat $(out)/result; echo $(out)'],
    volumes: [{ name: 'out', temporary: { containerPath: '/output' } }],
  });
  const status = await lab.ended('fixed-path');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(await lab.output('fixed-path'), 'done\n/output\n');
});

test('a Secret that does not exist is named with its volume', async () => {
  const secret = { secretName: 'nosuch', containerPath: '/license' };
  await lab.run('no-secret', { volumes: [{ name: 'license', secret }], startDeadlineSeconds: 35 });
  const { message = '' } = await lab.ended('no-secret');
  assert.match(message, /spec\.volumes: license.*"nosuch" not found/);
});

test('a download never overwrites a file of the node', async () => {
  const fileId = await aFile('other.txt', Buffer.from('other'));
  await lab.run('exists', {
    volumes: [{ name: 'data', bindMount: { hostPath: directory, containerPath: '/data', mode: 'rw' } }],
    transforms: [{ name: 'x', girderFileIdToVolume: { fileId, volume: 'data', filename: 'in.txt' } }],
    girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
  });
  assert.is((await lab.ended('exists')).reason, 'FileExists');
  assert.is(await made.read('in.txt'), 'from the node');
});

test.run();
