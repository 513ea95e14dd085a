import * as assert from 'uvu/assert';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { Lab, untilReleased } from '../support/runs.ts';
import { succeed } from '../support/shell.ts';

/** Targets that take all memory, in namespaces whose LimitRange changes the pods of their runs. */

const test = concurrentTest();
let limited: Lab;
let guaranteed: Lab;
let free: Lab;

async function limitRange(lab: Lab, limits: Record<string, unknown>): Promise<void> {
  const limit = { type: 'Container', ...limits };
  const metadata = { name: 'defaults' };
  const { code, stderr } = await lab.apply({
    ...{ apiVersion: 'v1', kind: 'LimitRange', metadata, spec: { limits: [limit] } },
  });
  assert.is(code, 0, stderr);
}

test.before(async () => {
  limited = await Lab.open('memory-limited');
  guaranteed = await Lab.open('memory-guaranteed');
  free = await Lab.open('memory-free');
  await limitRange(limited, { default: { memory: '400Mi' } });
  await limitRange(guaranteed, { default: { cpu: '100m', memory: '256Mi' } });
});
test.after(async () => {
  await limited?.close();
  await guaranteed?.close();
  await free?.close();
});

test('when the limit of a LimitRange is reached, the target is killed, and its worker reports it', async () => {
  await limited.run('hungry', { command: ['tail', '/dev/zero'] });
  const { reason, message, target } = await limited.ended('hungry');
  assert.is(reason, 'OOMKilled', message);
  assert.is(target?.exitCode, 137);
  assert.match(message ?? '', 'more memory than its pod leaves it (200Mi)');
});

test('many small processes of a target die before its worker as well', async () => {
  const eater = 'tail /dev/zero & for i in $(seq 200); do sleep 300 & done; wait %1; exit $?';
  await limited.run('many', { command: ['sh', '-c', eater] });
  const { reason, message } = await limited.ended('many');
  assert.is.not(reason, 'WorkerLost', message);
  assert.is((await limited.get('many')).status.phase, 'Failed');
});

test('a target is in the cgroup of its pod, whose QoS class a LimitRange has changed', async () => {
  await guaranteed.run('moved', { command: ['sh', '-c', untilReleased] });
  const { status } = await guaranteed.running('moved');
  const pod = status.podName ?? '';
  const qosClass = await guaranteed.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.qosClass}');
  assert.is(qosClass, 'Guaranteed');
  const id = status.target?.containerID ?? '';
  const parent = await succeed('docker', ['inspect', '--format', '{{.HostConfig.CgroupParent}}', id]);
  assert.not.match(parent, 'burstable');
  await guaranteed.release('moved');
  assert.is((await guaranteed.ended('moved')).phase, 'Succeeded');
});

test('the kernel kills the target of a run without limits before its worker', async () => {
  await free.run('first', { command: ['sh', '-c', `cat /proc/self/oom_score_adj; ${untilReleased}`] });
  const { status } = await free.running('first');
  const worker = ['exec', status.podName ?? '', '--', '/app/node', '-p'];
  const read = 'fs.readFileSync("/proc/1/oom_score_adj", "utf8").trim()';
  const ofWorker = Number(await free.kubectl(...worker, read));
  await free.release('first');
  assert.is((await free.ended('first')).phase, 'Succeeded');
  assert.is((await free.output('first')).trim(), '1000');
  assert.ok(ofWorker < 1000, `the worker has ${ofWorker}`);
});

test('an oomScoreAdj below 1000 needs the permission of the policy', async () => {
  const refusal = await free.refusal('protected', { command: ['true'], docker: { oomScoreAdj: 500 } });
  assert.match(refusal, 'spec.docker.oomScoreAdj');
});

test.run();
