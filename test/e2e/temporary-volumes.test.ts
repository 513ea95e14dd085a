import { join } from 'node:path';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { cleanupJobName, temporaryDirectoryName, temporaryDirectoryOf } from '../../src/api/names.ts';
import { until } from '../fixtures/until.ts';
import { NodeDirectory } from './support/node-directory.ts';
import { Lab, patienceMs, untilReleased } from './support/runs.ts';
import { onTestNode } from './support/test-node.ts';
import { killWorker } from './support/worker-process.ts';

/** What the overlay of the local cluster allows. */
const allowed = '/srv/dockerrun';
let lab: Lab;
let parent: NodeDirectory;
/** Is made by the first run. */
let hostDir: string;

test.before(async () => {
  lab = await Lab.open('temporary');
  parent = await NodeDirectory.make('temporary');
  hostDir = join(parent.path, 'made');
});
test.after(async () => {
  await lab.close();
  await parent.remove();
});

test('any user can write to temporary volumes in any place, and they are removed afterwards', async () => {
  await lab.run('user', {
    command: ['sh', '-c', 'for v in "$@"; do touch "$v/file" && stat -c "%a %n" "$v"; done', 'sh'],
    args: ['$(temporaryVolume)', '$(fast)', '$(big)'],
    docker: { user: '1234:1234' },
    volumes: [
      { name: 'fast', temporary: { sizeLimit: '64Mi' } },
      { name: 'big', temporary: { hostDir } },
    ],
  });
  const status = await lab.ended('user');
  assert.is(status.phase, 'Succeeded', status.message);
  const root = '/mnt/girder_worker';
  const expected = [`2777 ${root}/temporary`, `2777 ${root}/volumes/fast`, `2777 ${root}/volumes/big`];
  assert.equal((await lab.log('user')).toString().trim().split('\n'), expected);
  assert.equal(await parent.list('made'), []);
});

test('the next attempt does not find what a killed worker left in a directory of the node', async () => {
  await lab.run('killed', {
    command: [
      'sh',
      '-c',
      `ls $(big); mkdir -p $(big)/a/b; ln -s /etc $(big)/a/link; touch $(big)/x; ${untilReleased}`,
    ],
    backoffLimit: 1,
    volumes: [{ name: 'big', temporary: { hostDir } }],
  });
  const first = await lab.running('killed');
  await killWorker(lab, first.status.podName ?? '');
  await lab.release('killed', first);
  const end = await lab.ended('killed');
  assert.is(end.phase, 'Succeeded', end.message);
  assert.is(end.attempts, 2);
  assert.is((await lab.log('killed')).toString(), '');
  assert.equal(await parent.list('made'), []);
});

test('a worker that cannot start leaves no directory on the node', async () => {
  await parent.link('outside', '/etc');
  const link = join(parent.path, 'outside');
  await lab.run('unstarted', {
    volumes: [
      { name: 'big', temporary: { hostDir } },
      // The kubelet refuses it after it has made the directory of the volume before.
      { name: 'outside', bindMount: { hostPath: link, containerPath: '/outside' } },
    ],
  });
  const { reason, message } = await lab.ended('unstarted');
  assert.is(reason, 'HostPathNotAllowed', message);
  const { uid } = (await lab.get('unstarted')).metadata;
  const left = async () =>
    (await onTestNode(`ls -A ${join(allowed, temporaryDirectoryName)}`))
      .split('\n')
      .filter((name) => name.includes(temporaryDirectoryOf(uid, 'big')));
  const job = cleanupJobName({ name: 'unstarted', uid });
  await until('the cleanup Job has ended', () => lab.kubectl('get', 'job', job, '-o', 'json'), {
    holds: (text) => /"type": "(Complete|Failed)"/.test(text),
    withinMs: patienceMs,
  });
  assert.equal(await left(), []);
});

// Lab.close fails when the namespace is not deleted in time.
test('a namespace can be deleted while a run with attempts left is running in it', async () => {
  const doomed = await Lab.open('doomed');
  await doomed.run('stays', { command: ['sleep', '300'], backoffLimit: 3 });
  await doomed.running('stays');
  await doomed.close();
});

test.run();
