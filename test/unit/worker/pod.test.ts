import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunPlan } from '../../../src/api/run-plan.ts';
import { RunError } from '../../../src/support/errors.ts';
import { podCgroupParent, qosClassOf } from '../../../src/worker/pod/pod.ts';
import { aSpec } from '../../fixtures/builders.ts';

const podUid = '0b9ad1c6-8f7f-4f0e-9d5c-3c0f6f1f2a3b';
const withUnderscores = '0b9ad1c6_8f7f_4f0e_9d5c_3c0f6f1f2a3b';
const pod = { podUid, root: '/', qosClass: 'Burstable' } as const;
const cgroupfs = { ...pod, driver: 'cgroupfs' } as const;
const systemd = { ...pod, driver: 'systemd' } as const;
const slice = `kubepods-burstable-pod${withUnderscores}.slice`;

test('with cgroup v1 and cgroupfs, the parent is the path above the own container', () => {
  const self = [
    `12:memory:/kubepods/burstable/pod${podUid}/c0ffee`,
    `1:name=systemd:/kubepods/burstable/pod${podUid}/c0ffee`,
    '0::/',
  ].join('\n');
  assert.is(podCgroupParent(self, cgroupfs), `/kubepods/burstable/pod${podUid}`);
});

test('a cgroup controller may have a colon in its name or path', () => {
  const self = `4:cpu,cpuacct:/kubepods/pod${podUid}/cri-containerd:c0ffee`;
  assert.is(podCgroupParent(self, cgroupfs), `/kubepods/pod${podUid}`);
});

test('the path includes the root of the kubelet', () => {
  const self = `5:cpu:/machine/kubepods/burstable/pod${podUid}/c0ffee`;
  assert.is(podCgroupParent(self, cgroupfs), `/machine/kubepods/burstable/pod${podUid}`);
});

test('with cgroup v1 and systemd, the parent is the name of the slice', () => {
  const self = `3:memory:/kubepods.slice/kubepods-burstable.slice/${slice}/cri-containerd-c0ffee.scope\n`;
  assert.is(podCgroupParent(self, systemd), slice);
});

test('with cgroup v2 and no cgroup namespace of its own, the parent is read as well', () => {
  const self = `0::/kubepods.slice/kubepods-burstable.slice/${slice}/cri-containerd-c0ffee.scope\n`;
  assert.is(podCgroupParent(self, systemd), slice);
});

test("with a cgroup namespace of its own, the parent follows from the kubelet's rule", () => {
  for (const self of ['0::/\n', '12:memory:/\n1:name=systemd:/\n', '']) {
    assert.is(podCgroupParent(self, systemd), slice);
    assert.is(podCgroupParent(self, cgroupfs), `/kubepods/burstable/pod${podUid}`);
  }
});

test('the rule adds the QoS class unless the pod is Guaranteed', () => {
  const guaranteed = { qosClass: 'Guaranteed' } as const;
  assert.is(podCgroupParent('0::/', { ...cgroupfs, ...guaranteed }), `/kubepods/pod${podUid}`);
  assert.is(podCgroupParent('0::/', { ...systemd, ...guaranteed }), `kubepods-pod${withUnderscores}.slice`);
  const bestEffort = podCgroupParent('0::/', { ...systemd, qosClass: 'BestEffort' });
  assert.is(bestEffort, `kubepods-besteffort-pod${withUnderscores}.slice`);
});

const planOf = (spec: Partial<RunPlan['spec']> = {}): RunPlan => ({
  run: { namespace: 'lab', name: 'segment', uid: 'u' },
  spec: aSpec(spec),
  kubeletRoot: '/var/lib/kubelet',
  podCgroup: { root: '/', qosClass: 'Burstable' },
});

test('the QoS class is the one that the kubelet gave the pod, whatever its template said', () => {
  const classes = [-998, -997, 2, 3, 980, 999, 1000].map((adj) => qosClassOf(adj, planOf()));
  const burstable = Array.from({ length: 4 }, () => 'Burstable');
  assert.equal(classes, ['Guaranteed', 'Guaranteed', ...burstable, 'BestEffort']);
});

test('a pod that its node cannot run without has the QoS class of its template', () => {
  assert.is(qosClassOf(-997, planOf({ priorityClassName: 'system-node-critical' })), 'Burstable');
  assert.is(qosClassOf(NaN, planOf()), 'Burstable');
});

test("the rule starts at the kubelet's root", () => {
  for (const root of ['/machine', '/machine/'])
    assert.is(podCgroupParent('0::/', { ...cgroupfs, root }), `/machine/kubepods/burstable/pod${podUid}`);
});

test('a pod without a slice fails with an engine that uses systemd', () => {
  const self = `12:memory:/kubepods/burstable/pod${podUid}/c0ffee`;
  assert.throws(
    () => podCgroupParent(self, systemd),
    (error: unknown) =>
      error instanceof RunError &&
      error.reason === 'EngineUnavailable' &&
      error.message.includes('different cgroup drivers'),
  );
});

test('the cgroup of another pod is ignored', () => {
  const self = '12:memory:/kubepods/burstable/podffffffff-0000-0000-0000-000000000000/c0ffee';
  assert.is(podCgroupParent(self, cgroupfs), `/kubepods/burstable/pod${podUid}`);
});

test.run();
