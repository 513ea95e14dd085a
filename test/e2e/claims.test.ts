import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { concurrentTest } from './support/concurrent-tests.ts';
import { NodeDirectory } from './support/node-directory.ts';
import { Lab } from './support/runs.ts';
import { succeed } from './support/shell.ts';

/** Volumes of the node, one of each kind that needs no driver: the test can access their directories. */
const kinds = ['hostPath', 'local'] as const;
const test = concurrentTest();
let lab: Lab;
let directory: NodeDirectory;

const volumeName = (kind: string) => `${lab.namespace}-${kind.toLowerCase()}`;
const pathOf = (kind: string) => join(directory.path, kind);

test.before(async () => {
  lab = await Lab.open('claims');
  directory = await NodeDirectory.make('claims');
  for (const kind of kinds) {
    await directory.makeDirectory(kind);
    await directory.write(`${kind}/in.txt`, `from ${kind}`);
    await bind(kind);
  }
});
test.after(async () => {
  await lab.close();
  await succeed('kubectl', ['delete', 'persistentvolume', ...kinds.map(volumeName)]);
  await directory.remove();
});

/** A volume of the node and its claim, bound to each other. */
async function bind(kind: (typeof kinds)[number]): Promise<void> {
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: '' };
  const node = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'Exists' }] };
  const volume = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: volumeName(kind) } },
    spec: {
      ...common,
      capacity: { storage: '1Gi' },
      claimRef: { namespace: lab.namespace, name: kind.toLowerCase() },
      [kind]: { path: pathOf(kind) },
      ...(kind === 'local' ? { nodeAffinity: { required: { nodeSelectorTerms: [node] } } } : {}),
    },
  };
  const resources = { requests: { storage: '1Gi' } };
  const claim = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: kind.toLowerCase() } },
    spec: { ...common, volumeName: volumeName(kind), resources },
  };
  for (const manifest of [volume, claim]) assert.is((await lab.apply(manifest)).code, 0);
  await lab.kubectl('wait', '--for=jsonpath={.status.phase}=Bound', `pvc/${kind.toLowerCase()}`);
}

const claimed = (kind: string, readOnly = false) => ({
  name: kind,
  persistentVolumeClaim: { claimName: kind.toLowerCase(), containerPath: `/claims/${kind}`, readOnly },
});

for (const kind of kinds) {
  test(`a claim on a ${kind} volume is mounted with its files, for reading and writing`, async () => {
    await lab.run(`one-${kind.toLowerCase()}`, {
      command: ['sh', '-c', `cat $(${kind})/in.txt; echo ${kind} > $(${kind})/out.txt`],
      volumes: [claimed(kind)],
    });
    const status = await lab.ended(`one-${kind.toLowerCase()}`);
    assert.is(status.phase, 'Succeeded', status.message);
    assert.is((await lab.log(`one-${kind.toLowerCase()}`)).toString(), `from ${kind}`);
    assert.is(await directory.read(`${kind}/out.txt`), `${kind}\n`);
  });
}

test('two claims in one run are mounted separately, and a read-only one cannot be written', async () => {
  await lab.run('both', {
    command: [
      'sh',
      '-c',
      'cat $(hostPath)/in.txt $(local)/in.txt; touch $(local)/no 2> /dev/null; echo " $?"',
    ],
    volumes: [claimed('hostPath'), claimed('local', true)],
  });
  const status = await lab.ended('both');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is((await lab.log('both')).toString(), 'from hostPathfrom local 1\n');
});

test('one claim under two names is the same directory', async () => {
  const again = { ...claimed('hostPath', true), name: 'again' };
  again.persistentVolumeClaim.containerPath = '/claims/again';
  await lab.run('twice', {
    command: ['sh', '-c', 'echo twice > $(hostPath)/twice.txt; cat $(again)/twice.txt'],
    volumes: [claimed('hostPath'), again],
  });
  const status = await lab.ended('twice');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is((await lab.log('twice')).toString(), 'twice\n');
});

test('a run waits for a missing claim until the start deadline, and its status names the claim', async () => {
  await lab.run('nosuch', {
    startDeadlineSeconds: 35,
    volumes: [
      { name: 'x', persistentVolumeClaim: { claimName: 'nosuch', containerPath: '/x', readOnly: false } },
    ],
  });
  const status = await lab.ended('nosuch');
  assert.is(status.reason, 'StartDeadlineExceeded');
  assert.match(status.message ?? '', /"nosuch" not found/);
});

test.run();
