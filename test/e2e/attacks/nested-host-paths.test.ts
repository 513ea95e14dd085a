import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { isRecord } from '../../../src/api/json-values.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { until } from '../../fixtures/until.ts';
import { Lab } from '../support/runs.ts';
import { execute, succeed } from '../support/shell.ts';

/** Entries of hostPaths inside of each other, within a namespace and between two. */

let owner: Lab;
let guest: Lab;
/** Writable for the owner, but for `private`. */
let strict: ScratchDirectory;
/** Writable for the owner; the guest may only use `guest` in it. */
let common: ScratchDirectory;

test.before(async () => {
  owner = await Lab.open('nested-owner');
  guest = await Lab.open('nested-guest');
  strict = new ScratchDirectory('dockerrun-strict', '/srv');
  common = new ScratchDirectory('dockerrun-common', '/srv');
  for (const directory of ['private', 'public']) await mkdir(join(strict.path, directory));
  for (const directory of ['guest', 'others']) await mkdir(join(common.path, directory));
  await changePolicy((namespaces) => [
    ...namespaces,
    {
      names: [owner.namespace],
      hostPaths: [
        { pathPrefix: strict.path },
        { pathPrefix: join(strict.path, 'private'), readOnly: true },
        { pathPrefix: common.path },
      ],
    },
    { names: [guest.namespace], hostPaths: [{ pathPrefix: join(common.path, 'guest') }] },
  ]);
});
test.after(async () => {
  const ours = new Set<string | undefined>([owner?.namespace, guest?.namespace]);
  await changePolicy((namespaces) => namespaces.filter(({ names }) => !ours.has(names[0])));
  await owner?.close();
  await guest?.close();
  strict?.[Symbol.dispose]();
  common?.[Symbol.dispose]();
});

type Entry = { names: readonly string[]; hostPaths?: readonly object[] };

/** Other tests may change the policy at the same time: a conflict is tried again. */
async function changePolicy(change: (namespaces: Entry[]) => Entry[]): Promise<void> {
  const apply = async () => {
    const policy: unknown = JSON.parse(
      await succeed('kubectl', ['get', 'dockerrunpolicy', 'default', '-o', 'json']),
    );
    const spec = isRecord(policy) && isRecord(policy['spec']) ? policy['spec'] : {};
    const namespaces = change((spec['namespaces'] ?? []) as Entry[]);
    const input = JSON.stringify({ ...(policy as object), spec: { ...spec, namespaces } });
    return (await execute('kubectl', ['replace', '-f', '-'], { input })).code === 0;
  };
  await until('the policy is changed', apply, { holds: (isDone) => isDone });
}

const writing = (hostPath: string) => ({
  command: ['touch', '/mnt/x/written'],
  volumes: [{ name: 'x', bindMount: { hostPath, containerPath: '/mnt/x', mode: 'rw' } }],
});

async function isRefused(lab: Lab, name: string, spec: object, why: RegExp): Promise<void> {
  await lab.run(name, { ...spec });
  const { reason, message = '' } = await lab.ended(name);
  assert.is(reason, 'HostPathNotAllowed', message);
  assert.match(message, why);
}

test('a directory that is only readable stays so inside of a writable one', async () => {
  const target = join(strict.path, 'private');
  // The webhook may not have this policy yet.
  await until('it is refused for its access', () => owner.refusal('named', writing(target)), {
    ...{ holds: (text) => text.includes('only read access'), withinMs: 60_000, everyMs: 500 },
  });
  assert.match(await owner.refusal('whole', writing(strict.path)), /only read access to .*private/);
  await owner.run('public', writing(join(strict.path, 'public')));
  assert.is((await owner.ended('public')).phase, 'Succeeded');
  await owner.run('links', {
    command: ['sh', '-c', 'ln -s ../private /mnt/x/link'],
    volumes: [
      {
        name: 'x',
        bindMount: { hostPath: join(strict.path, 'public'), containerPath: '/mnt/x', mode: 'rw' },
      },
    ],
  });
  await owner.ended('links');
  const link = join(strict.path, 'public', 'link');
  await isRefused(owner, 'linked', writing(link), /public\/link is a symbolic link/);
  await isRefused(owner, 'docker', { dockerVolumes: { [link]: { bind: '/mnt/x' } } }, /symbolic link/);
  assert.equal(await readdir(target), []);
});

test('the owner of a directory cannot put a link where a guest has an entry of its own', async () => {
  await owner.run('replaces', {
    command: ['sh', '-c', 'cd /mnt/x; rmdir guest; ln -s $0 guest', 'others'],
    volumes: [{ name: 'x', bindMount: { hostPath: common.path, containerPath: '/mnt/x', mode: 'rw' } }],
  });
  assert.is((await owner.ended('replaces')).phase, 'Succeeded');
  await isRefused(guest, 'inside', writing(join(common.path, 'guest')), /symbolic link/);
  await owner.run('leads-out', {
    command: ['sh', '-c', 'cd /mnt/x; rm guest; ln -s /root guest'],
    volumes: [{ name: 'x', bindMount: { hostPath: common.path, containerPath: '/mnt/x', mode: 'rw' } }],
  });
  assert.is((await owner.ended('leads-out')).phase, 'Succeeded');
  await isRefused(guest, 'outside', writing(join(common.path, 'guest')), /symbolic link/);
  const dockerVolumes = { [join(common.path, 'guest')]: { bind: '/mnt/x' } };
  await isRefused(
    guest,
    'outside-docker',
    { dockerVolumes, command: ['touch', '/mnt/x/written'] },
    /symbolic link/,
  );
  assert.equal(await readdir(join(common.path, 'others')), []);
  assert.not.ok(existsSync('/root/written'));
});

test.run();
