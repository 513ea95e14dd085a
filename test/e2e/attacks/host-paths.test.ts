import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { temporaryDirectoryName } from '../../../src/api/names.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { environment } from '../support/environment.ts';
import { aFile } from '../support/girder.ts';
import { Lab, type Manifest, untilReleased } from '../support/runs.ts';
import { succeed } from '../support/shell.ts';

/** What users who may mount one directory of the nodes try, to get at the rest, or at each other's data. */

/** What the policy of the test cluster allows. */
const allowed = '/srv/dockerrun';

let lab: Lab;
/** A directory that the runs may mount. */
let shared: ScratchDirectory;
/** A directory beside the allowed one. */
let outside: ScratchDirectory;

test.before(async () => {
  lab = await Lab.open('host-path-attacks');
  // The controller and the worker must hold without the webhook.
  await lab.withoutAdmission();
  shared = ScratchDirectory.mountable();
  outside = new ScratchDirectory('dockerrun-outside', '/srv');
  await writeFile(join(outside.path, 'secret'), 'classified');
});
test.after(async () => {
  await lab?.close();
  shared?.[Symbol.dispose]();
  outside?.[Symbol.dispose]();
});

const isOutsideUntouched = async () =>
  assert.equal(await readdir(outside.path), ['secret'], 'a run wrote outside of the allowed directory');

/** Reads the secret, and leaves a file, wherever the mount leads. */
const intrude = (directory: string) => `cat ${directory}/secret; touch ${directory}/intruder`;

/** The ways to name a host path, each with where the target sees it. */
const waysIn = {
  bind: (path: string) => ({
    command: ['sh', '-c', intrude('/mnt/x')],
    volumes: [{ name: 'x', bindMount: { hostPath: path, containerPath: '/mnt/x', mode: 'rw' } }],
  }),
  readonly: (path: string) => ({
    command: ['sh', '-c', intrude('/mnt/x')],
    volumes: [{ name: 'x', bindMount: { hostPath: path, containerPath: '/mnt/x', mode: 'ro' } }],
  }),
  docker: (path: string) => ({
    command: ['sh', '-c', intrude('/mnt/x')],
    dockerVolumes: { [path]: { bind: '/mnt/x', mode: 'rw' } },
  }),
  temporary: (path: string) => ({
    command: ['sh', '-c', intrude('/mnt/girder_worker/volumes/x')],
    volumes: [{ name: 'x', temporary: { hostDir: path } }],
  }),
} satisfies Record<string, (path: string) => Manifest>;

/** A run of the attacker, who may write to the shared directory. */
async function attack(name: string, script: string, more: Manifest = {}): Promise<void> {
  await lab.run(name, {
    command: ['sh', '-c', script],
    volumes: [{ name: 'x', bindMount: { hostPath: shared.path, containerPath: '/mnt/x', mode: 'rw' } }],
    ...more,
  });
}

test('no symbolic link leads out of the allowed directory, wherever it is in the path', async () => {
  const above = outside.path.slice('/srv/'.length);
  await attack(
    'links',
    `cd /mnt/x; ln -s / root; ln -s ${outside.path} absolute; ln -s ../../${above} relative; mkdir -p a/b; ln -s ../../../../${above} a/b/deep; ln -s ${outside.path}/secret file`,
  );
  assert.is((await lab.ended('links')).phase, 'Succeeded');
  const paths = {
    root: `${shared.path}/root${outside.path}`,
    absolute: `${shared.path}/absolute`,
    relative: `${shared.path}/relative`,
    deep: `${shared.path}/a/b/deep`,
  };
  const runs = Object.entries(paths).flatMap(([link, path]) =>
    Object.entries(waysIn).map(([way, spec]) => ({ name: `${link}-${way}`, path, spec: spec(path) })),
  );
  const file = `${shared.path}/file`;
  for (const way of ['bind', 'docker'] as const)
    runs.push({
      name: `file-${way}`,
      path: file,
      spec: { ...waysIn[way](file), command: ['cat', '/mnt/x'] },
    });
  for (let next = runs.splice(0, 6); next.length > 0; next = runs.splice(0, 6)) {
    await Promise.all(
      next.map(async ({ name, path, spec }) => {
        await lab.run(name, spec);
        const { phase, reason, message = '' } = await lab.ended(name);
        assert.is(phase, 'Failed', `${name} ${message}`);
        assert.is(reason, 'HostPathNotAllowed', `${name} ${message}`);
        assert.ok(message.includes(path), message);
        assert.match(message, /symbolic link/);
      }),
    );
  }
  await isOutsideUntouched();
});

test('a directory that becomes a link while runs start leads nowhere else', async () => {
  const swapped = join(shared.path, 'swapped');
  await attack(
    'swapping',
    `cd /mnt/x; mkdir swapped real; ln -s ${outside.path} link; touch swapping
     while [ ! -e /mnt/girder_worker/temporary/go ]; do mv swapped real/d; mv link swapped; mv swapped link; mv real/d swapped; done`,
  );
  await lab.running('swapping');
  const names = Array.from({ length: 16 }, (_, index) => index).flatMap((index) => [
    { name: `swap-bind-${index}`, spec: waysIn.bind(swapped) },
    { name: `swap-docker-${index}`, spec: waysIn.docker(swapped) },
    { name: `swap-temporary-${index}`, spec: waysIn.temporary(swapped) },
  ]);
  const phases = new Map<string, number>();
  for (let next = names.splice(0, 8); next.length > 0; next = names.splice(0, 8)) {
    await Promise.all(
      next.map(async ({ name, spec }) => {
        await lab.run(name, { ...spec, command: [...spec.command.slice(0, 2), `${spec.command[2]}; true`] });
        const { phase = '', reason = '', message = '' } = await lab.ended(name);
        // WorkerLost: the directory was gone when the container started.
        const expected = ['Succeeded', 'HostPathNotAllowed', 'HostPathNotVisible', 'WorkerLost'];
        assert.ok(expected.includes(reason), message);
        assert.not.match((await lab.log(name).catch(() => '')).toString(), /classified/);
        phases.set(phase, (phases.get(phase) ?? 0) + 1);
      }),
    );
  }
  await lab.release('swapping');
  await lab.ended('swapping');
  await isOutsideUntouched();
});

test('a link inside the allowed directory leads inside of it, as before', async () => {
  await mkdir(join(shared.path, 'data'));
  await writeFile(join(shared.path, 'data', 'secret'), 'shared by all');
  await symlink('data', join(shared.path, 'current'));
  await lab.run('inside', waysIn.readonly(join(shared.path, 'current')));
  await lab.ended('inside');
  assert.match((await lab.log('inside')).toString(), /shared by all/);
});

test('a temporary volume in a shared directory cannot be reached by any other run', async () => {
  const hostDir = join(shared.path, 'temporary');
  await lab.run('victim', {
    command: ['sh', '-c', `echo mine > $(v)/file; ${untilReleased}; cat $(v)/file; ls -A $(v)`],
    volumes: [{ name: 'v', temporary: { hostDir } }],
  });
  const { metadata } = await lab.running('victim');
  const own = `dockerrun-${metadata.uid}-v`;
  const all = [{ name: 'x', bindMount: { hostPath: allowed, containerPath: '/mnt/x', mode: 'rw' } }];
  const script = `cd /mnt/x
    find . -name 'dockerrun-*' -exec sh -c 'echo found {}; echo theirs > {}/file' ';'
    mv ${temporaryDirectoryName} moved && echo moved; rmdir ${temporaryDirectoryName} && echo removed
    umount ${temporaryDirectoryName} && echo unmounted; touch ${temporaryDirectoryName}/x && echo written; true`;
  await attack('from-above', script, { volumes: all });
  await attack('from-docker', script, { volumes: [], dockerVolumes: { [allowed]: { bind: '/mnt/x' } } });
  await attack('link-to-it', `cd /mnt/x; ln -s ../${temporaryDirectoryName}/${own} to-victim; ln -s .. up`);
  for (const name of ['from-above', 'from-docker', 'link-to-it']) {
    assert.is((await lab.ended(name)).phase, 'Succeeded', name);
    assert.not.match((await lab.log(name)).toString(), /found|moved|removed|unmounted|written/, name);
  }
  const fileId = await aFile('theirs.txt', Buffer.from('theirs'));
  const refused: Record<string, Manifest> = {
    directly: waysIn.bind(join(allowed, temporaryDirectoryName, own)),
    parent: waysIn.docker(join(allowed, temporaryDirectoryName)),
    'by-link': waysIn.bind(join(shared.path, 'to-victim')),
    'by-docker-link': waysIn.docker(join(shared.path, 'to-victim')),
    'by-link-above': waysIn.bind(join(shared.path, 'up')),
    'by-docker-link-above': waysIn.docker(join(shared.path, 'up')),
    download: {
      volumes: all,
      transforms: [
        {
          name: 'in',
          girderFileIdToVolume: { fileId, volume: 'x', filename: `${temporaryDirectoryName}/${own}/new` },
        },
      ],
      girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
    },
  };
  for (const [name, spec] of Object.entries(refused)) {
    await lab.run(name, spec);
    const { phase, reason, message = '' } = await lab.ended(name);
    assert.is(phase, 'Failed', `${name}: ${message}`);
    assert.is(reason, name === 'download' ? 'DownloadFailed' : 'HostPathNotAllowed', message);
  }
  await lab.release('victim');
  assert.is((await lab.ended('victim')).phase, 'Succeeded');
  assert.is((await lab.log('victim')).toString(), 'mine\nfile\n');
  assert.equal(await readdir(hostDir), []);
  assert.not.ok(existsSync(join(allowed, temporaryDirectoryName, own)), 'the volume is left');
});

test('a link with the name of a temporary volume, made before its run starts, is not followed', async () => {
  const hostDir = join(shared.path, 'planted');
  await lab.run('planned', { ...waysIn.temporary(hostDir), suspend: true });
  const { metadata } = await lab.until('planned', 'is suspended', {
    holds: ({ status }) => status.phase === 'Suspended',
  });
  const name = `dockerrun-${metadata.uid}-x`;
  await attack('planting', `mkdir /mnt/x/planted; ln -s ${outside.path} /mnt/x/planted/${name}`);
  await lab.ended('planting');
  await lab.kubectl('patch', 'dockerrun', 'planned', '--type=merge', '-p', '{"spec":{"suspend":false}}');
  await lab.ended('planned');
  assert.not.match((await lab.log('planned')).toString(), /classified/);
  await isOutsideUntouched();
});

test('file systems that are mounted below a host path are neither seen nor writable through it', async () => {
  const mounted = join(shared.path, 'nested', 'inner');
  await mkdir(mounted, { recursive: true });
  await succeed('mount', ['-t', 'tmpfs', 'tmpfs', mounted]);
  try {
    await writeFile(join(mounted, 'secret'), 'of the inner one');
    for (const way of ['readonly', 'docker'] as const) {
      const spec = waysIn[way](join(shared.path, 'nested'));
      await lab.run(`nested-${way}`, {
        ...spec,
        command: ['sh', '-c', 'ls /mnt/x/inner; touch /mnt/x/inner/new'],
      });
      await lab.ended(`nested-${way}`);
      assert.not.match((await lab.log(`nested-${way}`)).toString(), /secret/);
    }
    assert.equal(await readdir(mounted), ['secret']);
    await lab.run('inner', waysIn.readonly(mounted));
    await lab.ended('inner');
    assert.match((await lab.log('inner')).toString(), /of the inner one/);
  } finally {
    await succeed('umount', [mounted]);
  }
});

test('a path that does not exist is not created, in any way that mounts it', async () => {
  for (const way of ['bind', 'readonly', 'docker'] as const) {
    const path = join(shared.path, `missing-${way}`, 'below');
    await lab.run(`missing-${way}`, waysIn[way](path));
    const { reason, message = '' } = await lab.ended(`missing-${way}`);
    assert.is(reason, 'HostPathNotVisible', message);
    assert.ok(message.includes(path), message);
    assert.not.ok(existsSync(join(path, '..')), 'a directory is left');
  }
});

test('a file of the directory can be mounted in each way', async () => {
  const path = join(shared.path, 'file.txt');
  await writeFile(path, 'a file');
  for (const way of ['bind', 'readonly', 'docker'] as const) {
    await lab.run(`a-file-${way}`, { ...waysIn[way](path), command: ['cat', '/mnt/x'] });
    const { phase, message } = await lab.ended(`a-file-${way}`);
    assert.is(phase, 'Succeeded', message);
    assert.is((await lab.log(`a-file-${way}`)).toString(), 'a file');
  }
});

test.run();
