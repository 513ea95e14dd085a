import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import { podResources, qosClass } from '../../../src/controller/job/worker-container.ts';
import { aSpec } from '../../fixtures/builders.ts';

const podOf = (resources: NonNullable<DockerRunSpec['resources']>) => podResources(aSpec({ resources }));
const mebi = 2 ** 20;

test('a run without resources requests those of its worker, without a limit', () => {
  assert.equal(podResources(aSpec()), { requests: { cpu: '100m', memory: '256Mi' }, limits: {} });
});

test("the worker's resources are added to the target's, so that the target can use all of its own", () => {
  const pod = podOf({ requests: { cpu: '2', memory: '4Gi' }, limits: { cpu: '4', memory: '8Gi' } });
  assert.equal(pod, {
    requests: { cpu: '2100m', memory: String((4096 + 256) * mebi) },
    limits: { cpu: '4100m', memory: String((8192 + 256) * mebi) },
  });
});

test('a limit without a request is also the request, as the API server defaults it', () => {
  const { requests } = podOf({ limits: { memory: '1Gi' } });
  assert.is(requests['memory'], String((1024 + 256) * mebi));
  assert.is(requests['cpu'], '100m');
});

test('a device that is only requested gets a limit as well, because Kubernetes requires it', () => {
  assert.is(podOf({ requests: { 'nvidia.com/gpu': 2 } }).limits['nvidia.com/gpu'], '2');
  assert.equal(podOf({ requests: { 'ephemeral-storage': '1Gi' } }).limits, {});
});

test('a device is requested and limited as in the spec', () => {
  const { requests, limits } = podOf({ limits: { 'nvidia.com/gpu': 1 } });
  assert.is(requests['nvidia.com/gpu'], '1');
  assert.is(limits['nvidia.com/gpu'], '1');
  assert.is(limits['memory'], undefined);
});

test('whole millicores are exact', () => {
  const inexact: number[] = [];
  for (let milli = 1; milli <= 256_000; milli += 1)
    if (podOf({ limits: { cpu: `${milli}m` } }).limits['cpu'] !== `${milli + 100}m`) inexact.push(milli);
  assert.equal(inexact.slice(0, 10), []);
});

test('resources of any amount, as defaults of a policy may be, lead to quantities', () => {
  const amounts = [-5, -2_147_483_649, Number.MAX_SAFE_INTEGER, '9e25', '1e-9', '0'];
  for (const amount of amounts) {
    const { requests } = podOf({ requests: { cpu: amount, memory: amount } });
    for (const sum of [requests['cpu'], requests['memory']]) assert.match(sum ?? '', /^\d+m?$/);
    qosClass({ requests, limits: requests });
  }
});

test('a pod whose CPU and memory limits equal its requests is Guaranteed', () => {
  assert.is(qosClass(podOf({ limits: { cpu: 2, memory: '1Gi' } })), 'Guaranteed');
  const spelledOtherwise = {
    requests: { cpu: '2000m', memory: '1024Mi' },
    limits: { cpu: 2, memory: '1Gi' },
  };
  assert.is(qosClass(podOf(spelledOtherwise)), 'Guaranteed');
});

test('any other pod with resources is Burstable', () => {
  for (const resources of [
    {},
    { limits: { memory: '1Gi' } },
    { limits: { cpu: 2 } },
    { requests: { cpu: 1 }, limits: { cpu: 2, memory: '1Gi' } },
  ]) {
    assert.is(qosClass(podOf(resources)), 'Burstable');
  }
});

test('a pod without any resources is BestEffort', () => {
  assert.is(qosClass({ requests: {}, limits: {} }), 'BestEffort');
});

test.run();
