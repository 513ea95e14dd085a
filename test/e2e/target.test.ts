import * as assert from 'uvu/assert';
import { concurrentTest } from './support/concurrent-tests.ts';
import { Lab } from './support/runs.ts';
import { succeed } from './support/shell.ts';
import { fileOfNode } from './support/test-node.ts';

const test = concurrentTest();
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('target');
});
test.after(() => lab.close());

async function inspect(containerID: string | undefined, format: string): Promise<string> {
  return (await succeed('docker', ['inspect', '--format', format, containerID ?? ''])).trim();
}

test("the target is in the pod's own cgroup, with the limits of its resources", async () => {
  await lab.run('limited', {
    command: ['sleep', '300'],
    terminationGracePeriodSeconds: 1,
    resources: { requests: { cpu: '100m' }, limits: { memory: '64Mi', cpu: '500m' } },
  });
  const { status } = await lab.running('limited');
  const pod = JSON.parse(await lab.kubectl('get', 'pod', status.podName ?? '', '-o', 'json')) as {
    metadata: { uid: string };
  };
  const pid = await inspect(status.target?.containerID, '{{.State.Pid}}');
  const cgroup = await fileOfNode(`/proc/${pid}/cgroup`);
  assert.match(cgroup.replaceAll('_', '-'), `pod${pod.metadata.uid}`);
  assert.is(await inspect(status.target?.containerID, '{{.HostConfig.Memory}}'), String(64 * 2 ** 20));
  assert.is(await inspect(status.target?.containerID, '{{.HostConfig.CpuQuota}}'), '50000');
  await lab.kubectl('delete', 'dockerrun', 'limited');
});

test('the target has no more privileges than it needs', async () => {
  await lab.run('confined', { command: ['sleep', '300'], terminationGracePeriodSeconds: 1 });
  const { status } = await lab.running('confined');
  const host = JSON.parse(await inspect(status.target?.containerID, '{{json .HostConfig}}')) as Record<
    string,
    unknown
  >;
  assert.is(host['Privileged'], false);
  assert.equal(host['CapDrop'], ['ALL']);
  assert.equal(host['SecurityOpt'], ['no-new-privileges']);
  assert.is(host['PidsLimit'], 4096);
  const mounts = await inspect(status.target?.containerID, '{{range .Mounts}}{{.Destination}} {{end}}');
  assert.is(mounts, '/mnt/girder_worker/temporary');
  await lab.kubectl('delete', 'dockerrun', 'confined');
});

test('command, args and env reach the target unchanged', async () => {
  await lab.secret('arguments', { key: 'a "secret" word' });
  await lab.kubectl('create', 'configmap', 'settings', '--from-literal=key=$(temporaryVolume)');
  await lab.run('arguments', {
    command: ['sh', '-c', 'printf "%s|" "$@" "$A" "$B" "$C" "$D"', 'sh'],
    args: ['two words', '$$(temporaryVolume)', '$(temporaryVolume)', "quo'te", '$HOME', '$$', 'ü'],
    env: [
      { name: 'A', value: 'x=$(y) $$z' },
      { name: 'B', valueFrom: { secretKeyRef: { name: 'arguments', key: 'key' } } },
      { name: 'C', valueFrom: { configMapKeyRef: { name: 'settings', key: 'key' } } },
      { name: 'D', value: '$(temporaryVolume)/model' },
    ],
  });
  assert.is((await lab.ended('arguments')).phase, 'Succeeded');
  const volume = '/mnt/girder_worker/temporary';
  const lines = [
    'two words',
    '$(temporaryVolume)',
    volume,
    "quo'te",
    '$HOME',
    '$$',
    'ü',
    'x=$(y) $$z',
    'a "secret" word',
    '$(temporaryVolume)',
    `${volume}/model`,
  ];
  assert.is((await lab.log('arguments')).toString(), lines.map((line) => `${line}|`).join(''));
});

test("the image's own entrypoint and command are used when the run has none", async () => {
  await lab.run('default', {});
  assert.is((await lab.ended('default')).phase, 'Succeeded');
});

test('an exit code other than 0 fails the run and is in its status', async () => {
  await lab.run('exit3', { command: ['sh', '-c', 'echo bye; exit 3'] });
  const status = await lab.ended('exit3');
  assert.is(status.reason, 'TargetFailed');
  assert.is(status.target?.exitCode, 3);
  assert.is((await lab.log('exit3')).toString(), 'bye\n');
});

test('a target that uses too much memory is reported as OOMKilled', async () => {
  await lab.run('oom', { command: ['tail', '/dev/zero'], resources: { limits: { memory: '32Mi' } } });
  const status = await lab.ended('oom');
  assert.is(status.reason, 'OOMKilled');
  assert.is(status.target?.oomKilled, true);
  assert.is(status.target?.exitCode, 137);
});

test('a target that runs too long is stopped', async () => {
  await lab.run('late', {
    ...{ command: ['sleep', '300'], activeDeadlineSeconds: 2, backoffLimit: 3 },
    terminationGracePeriodSeconds: 1,
  });
  const status = await lab.ended('late');
  assert.is(status.reason, 'ActiveDeadlineExceeded');
  assert.is(status.attempts, 1);
});

test.run();
