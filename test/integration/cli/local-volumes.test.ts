import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import {
  makeLocalDirectory,
  openLocalVolumes,
  realDockerVolumes,
} from '../../../src/cli/local/local-volumes.ts';
import { aSpec } from '../../fixtures/builders.ts';

let home: string;
test.before.each(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'local-volumes-')));
});
test.after.each(() => rm(home, { recursive: true }));

const files = new Map([['sub/key', 'words']]);
const remove = (path: string) => rm(path, { recursive: true });
const open = (volumes: NonNullable<DockerRunSpec['volumes']>) =>
  openLocalVolumes(aSpec({ volumes }), { directory: join(home, 'run'), remove, filesOf: () => files });

test('the keys of a Secret are files in a directory that ends with the run', async () => {
  const secret = { secretName: 's', containerPath: '/license' };
  const { volumes, remove: removeAll } = await open([{ name: 'license', secret }]);
  const [, license] = volumes;
  assert.equal([license?.containerPath, license?.readOnly], ['/license', true]);
  assert.is(await readFile(join(license?.localPath ?? '', 'sub/key'), 'utf8'), 'words');
  await removeAll(new AbortController().signal);
  assert.not.ok(existsSync(license?.localPath ?? ''));
});

test('temporary volumes are writable by everybody, and are removed with their contents', async () => {
  const { volumes, remove: removeAll } = await open([
    { name: 'fast', temporary: {} },
    { name: 'here', temporary: { hostDir: join(home, 'made', 'for-it') } },
  ]);
  assert.equal(
    volumes.map(({ name, containerPath, temporary }) => [name, containerPath, temporary]),
    [
      ['temporaryVolume', '/mnt/girder_worker/temporary', true],
      ['fast', '/mnt/girder_worker/volumes/fast', true],
      ['here', '/mnt/girder_worker/volumes/here', true],
    ],
  );
  for (const { localPath, hostPath } of volumes) {
    assert.is(localPath, hostPath);
    assert.is((await stat(hostPath)).mode & 0o7777, 0o2777);
    await writeFile(join(localPath, 'file'), 'x');
  }
  await removeAll(AbortSignal.timeout(60_000));
  assert.equal(await readdir(join(home, 'run', 'volumes')), []);
  assert.equal(await readdir(join(home, 'made', 'for-it')), []);
});

test('a named volume of Docker is left to the engine', async () => {
  const namedVolume = { volumeName: 'pip', containerPath: '/cache', readOnly: false, create: true };
  const { volumes } = await open([{ name: 'cache', namedVolume }]);
  assert.equal(
    volumes.map(({ name }) => name),
    ['temporaryVolume'],
  );
});

test('a directory of this machine is mounted by its real path, and is not removed', async () => {
  await mkdir(join(home, 'real'));
  await symlink('real', join(home, 'link'));
  const bindMount = { hostPath: join(home, 'link'), containerPath: '/data', mode: 'ro' as const };
  const { volumes, remove: removeAll } = await open([{ name: 'data', bindMount }]);
  const [, data] = volumes;
  assert.equal([data?.hostPath, data?.readOnly, data?.temporary], [join(home, 'real'), true, false]);
  await removeAll(AbortSignal.timeout(60_000));
  assert.ok(await stat(join(home, 'real')));
});

test('a file is a bind mount, unless a transform needs a directory there', async () => {
  const volume = {
    name: 'x',
    bindMount: { hostPath: '/etc/hostname', containerPath: '/c', mode: 'ro' },
  } as const;
  const { volumes } = await open([volume]);
  assert.is(volumes[1]?.hostPath, '/etc/hostname');
  const transforms = [{ name: 'in', volumePath: { filename: 'f', volume: 'x' } }];
  const spec = aSpec({ volumes: [volume], transforms });
  const place = { directory: join(home, 'run'), remove, filesOf: () => files };
  const message = await openLocalVolumes(spec, place).then(
    () => 'opened',
    (error: Error) => error.message,
  );
  assert.is(
    message,
    'spec.volumes: x.bindMount.hostPath: /etc/hostname is a file, but transform in needs a directory',
  );
});

for (const [what, volume, sentence] of [
  [
    'a claim',
    { persistentVolumeClaim: { claimName: 'c', containerPath: '/c', readOnly: false } },
    /use a bindMount/,
  ],
  [
    'a directory that does not exist',
    { bindMount: { hostPath: '/nosuch', containerPath: '/c', mode: 'rw' } },
    /\/nosuch/,
  ],
  [
    'a hostDir that cannot be created',
    { temporary: { hostDir: '/dev/null/x' } },
    /cannot create \/dev\/null\/x: /,
  ],
] as const) {
  test(`${what} is refused, and volumes that were created before are removed`, async () => {
    const opened = open([
      { name: 'before', temporary: {} },
      { name: 'x', ...volume },
    ]);
    const message = await opened.then(
      () => 'opened',
      (error: Error) => error.message,
    );
    assert.match(message, /^spec\.volumes: x/);
    assert.match(message, sentence);
    assert.equal(await readdir(join(home, 'run', 'volumes')), []);
  });
}

test("the keys of docker-py's dictionary become real paths, unless two of them would be equal", async () => {
  await mkdir(join(home, 'real'));
  for (const link of ['one', 'two']) await symlink('real', join(home, link));
  const [bind, mode] = ['/x', 'rw'] as const;
  const at = (...names: string[]) =>
    Object.fromEntries(names.map((name) => [join(home, name), { bind, mode }]));
  assert.equal(await realDockerVolumes(at('one')), at('real'));
  assert.equal(await realDockerVolumes(at('nosuch')), at('nosuch'));
  assert.equal(await realDockerVolumes(at('real', 'one')), at('real', 'one'));
  assert.equal(await realDockerVolumes(at('one', 'two')), at('two', 'real'));
});

test('the directory of a run is in TMPDIR, by its real path, and no other user can read it', async () => {
  await mkdir(join(home, 'real'));
  await symlink('real', join(home, 'tmp'));
  const { path, spool } = await makeLocalDirectory({ TMPDIR: join(home, 'tmp') });
  assert.match(path, join(home, 'real', 'dockerrun-'));
  assert.is((await stat(path)).mode & 0o777, 0o700);
  assert.ok((await stat(spool)).isDirectory());
  const message = await makeLocalDirectory({ TMPDIR: join(home, 'nosuch') }).then(
    () => 'made',
    (error: Error) => error.message,
  );
  assert.match(message, /^TMPDIR: cannot create a directory in .*nosuch/);
});

test.run();
