import * as assert from 'uvu/assert';
import { onNode2 } from '../cluster/node2/node-shell.ts';
import { bigFile, throughPipe } from '../e2e/support/big-file.ts';
import { environment } from '../e2e/support/environment.ts';
import { containersOf, Lab } from '../e2e/support/runs.ts';
import { fileOfNode } from '../e2e/support/test-node.ts';
import { test } from '../fixtures/suite.ts';
import { expectSoundKernel } from './second-node.ts';

/** Runs on the second node, whose cgroups, engine and file system are not those of the first; one by one, for its one processor. */

const gibibyte = 2 ** 30;
const logLines = 2_000;
const shortRuns = 20;
const shellMs = 30_000;
let lab: Lab;

const here = (command: string) => onNode2(command, AbortSignal.timeout(shellMs));

test.before(async () => {
  lab = await Lab.open('second-node');
});
test.after(async () => {
  await lab.close();
  expectSoundKernel();
});

test('a target is in a scope of systemd below the slice of its pod', async () => {
  await lab.run('scope', { command: ['sleep', '300'], terminationGracePeriodSeconds: 1 });
  const { status } = await lab.running('scope');
  const pod = JSON.parse(await lab.kubectl('get', 'pod', status.podName ?? '', '-o', 'json')) as {
    metadata: { uid: string };
    spec: { nodeName: string };
  };
  assert.is(pod.spec.nodeName, environment('DOCKERRUN_TEST_NODE'));
  const id = status.target?.containerID ?? '';
  const pid = (await here(`docker inspect --format '{{.State.Pid}}' ${id}`)).trim();
  const slice = `pod${pod.metadata.uid.replaceAll('-', '_')}.slice/docker-${id}.scope`;
  assert.ok((await fileOfNode(`/proc/${pid}/cgroup`)).includes(slice));
  await lab.kubectl('delete', 'dockerrun', 'scope');
});

test('a limit of half a processor is that of the cgroup', async () => {
  await lab.run('half', {
    command: ['cat', '/sys/fs/cgroup/cpu.max', '/sys/fs/cgroup/memory.max'],
    resources: { limits: { cpu: '500m', memory: '64Mi' } },
  });
  const status = await lab.ended('half');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.equal((await lab.output('half')).split('\n'), ['50000 100000', String(64 * 2 ** 20), '']);
});

test('a child that runs out of memory does not fail a target that ends with 0', async () => {
  await lab.run('child', {
    command: ['sh', '-c', 'tail /dev/zero; echo "child: $?"'],
    resources: { limits: { memory: '32Mi' } },
  });
  const status = await lab.ended('child');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.match(await lab.output('child'), 'child: 137');
});

test('1 GiB of Girder passes through a pipe unchanged', async () => {
  const file = await bigFile(gibibyte);
  try {
    await lab.run('stream', { command: ['sh', '-c', 'sha256sum < $(live)'], ...throughPipe(file) });
    const status = await lab.ended('stream', 300);
    assert.is(status.phase, 'Succeeded', status.message);
    assert.match(await lab.output('stream'), new RegExp(`^${file.sha256} `));
  } finally {
    await file.remove();
  }
});

test('a claim on a volume of this node is mounted, and its run lands on this node without being sent there', async () => {
  const name = `${lab.namespace}-claim`;
  const path = `/srv/${name}`;
  await here(`mkdir -p ${path} && echo there > ${path}/in.txt`);
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: '' };
  const host = {
    key: 'kubernetes.io/hostname',
    operator: 'In',
    values: [environment('DOCKERRUN_TEST_NODE')],
  };
  const volume = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name } },
    spec: {
      ...common,
      capacity: { storage: '1Gi' },
      claimRef: { namespace: lab.namespace, name: 'data' },
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [host] }] } },
    },
  };
  const claim = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } },
    spec: { ...common, volumeName: name, resources: { requests: { storage: '1Gi' } } },
  };
  for (const manifest of [volume, claim]) assert.is((await lab.apply(manifest)).code, 0);
  try {
    await lab.run('claim', {
      command: ['sh', '-c', 'cat $(data)/in.txt; echo back > $(data)/out.txt'],
      nodeSelector: {},
      volumes: [
        {
          name: 'data',
          persistentVolumeClaim: { claimName: 'data', containerPath: '/data', readOnly: false },
        },
      ],
    });
    const status = await lab.ended('claim');
    assert.is(status.phase, 'Succeeded', status.message);
    assert.is(await lab.output('claim'), 'there\n');
    assert.is(await here(`cat ${path}/out.txt`), 'back\n');
  } finally {
    await lab.kubectl('delete', 'persistentvolume', name, '--wait=false');
  }
});

test('a run that needs a GPU, which this node does not have, fails at its start deadline', async () => {
  await lab.run('gpu', {
    command: ['true'],
    startDeadlineSeconds: 15,
    resources: { limits: { 'nvidia.com/gpu': '1' } },
  });
  const status = await lab.ended('gpu');
  assert.is(status.reason, 'StartDeadlineExceeded', status.message);
  assert.match(status.message ?? '', 'nvidia.com/gpu');
});

test('a run that is deleted leaves no container on this node', async () => {
  await lab.run('deleted', { command: ['sleep', '300'], terminationGracePeriodSeconds: 1 });
  const { metadata } = await lab.running('deleted');
  await lab.kubectl('delete', 'dockerrun', 'deleted', '--cascade=foreground', '--timeout=60s');
  assert.equal(await containersOf(metadata.uid), []);
});

test('the logs of 20 short runs at once are complete', async () => {
  const names = Array.from({ length: shortRuns }, (_, index) => `short-${index}`);
  const resources = { requests: { cpu: '10m' } };
  await Promise.all(
    names.map((name) => lab.run(name, { command: ['seq', '1', String(logLines)], resources })),
  );
  const expected = Array.from({ length: logLines }, (_, index) => `${index + 1}\n`).join('');
  for (const name of names) {
    const status = await lab.ended(name, 300);
    assert.is(status.phase, 'Succeeded', `${name}: ${status.message}`);
    assert.ok((await lab.output(name)) === expected, `the log of ${name} is not complete`);
  }
});

test.run();
