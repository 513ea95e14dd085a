import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerOptions } from '../../../src/api/docker/options.ts';
import { refusedByPolicy } from '../../../src/policy/policy.ts';
import { aSpec } from '../../fixtures/builders.ts';
import { policyOf } from '../../fixtures/policies.ts';

const refusal = (docker: DockerOptions, policy = '') => refusedByPolicy(aSpec({ docker }), policyOf(policy));

test('harmless options need no policy', () => {
  assert.is(refusal({}), undefined);
  assert.is(refusal({ shmSize: '1g', user: 1000, networkMode: 'none', capDrop: ['ALL'] }), undefined);
});

test('without a policy no dangerous option is allowed', () => {
  assert.is(refusal({ privileged: true })?.reason, 'DockerOptionNotAllowed');
  assert.is(refusal({ capAdd: ['CHOWN'] })?.reason, 'DockerOptionNotAllowed');
});

test('a refusal names the field, the value, the risk and the remedy', () => {
  const sentence = refusal({ shmSize: '1g', ipcMode: 'host' })?.sentence ?? '';
  assert.match(sentence, /^spec\.docker\.ipcMode: the policy does not allow host, because it shares memory/);
  assert.match(sentence, /dockerOptions in the policy\.$/);
});

test('a policy allows only the values that it lists', () => {
  const policy = 'dockerOptions: [{option: capAdd, values: [SYS_PTRACE, cap_sys_nice]}]';
  assert.is(refusal({ capAdd: ['CAP_SYS_PTRACE', 'SYS_NICE'] }, policy), undefined);
  assert.match(refusal({ capAdd: ['SYS_PTRACE', 'SYS_ADMIN'] }, policy)?.message ?? '', /allow SYS_ADMIN,/);
  assert.match(refusal({ privileged: true }, policy)?.message ?? '', /^spec\.docker\.privileged:/);
});

test('an entry without values allows any value, and one with an empty list allows none', () => {
  assert.is(refusal({ devices: ['/dev/fuse'] }, 'dockerOptions: [{option: devices}]'), undefined);
  const none = refusal({ devices: ['/dev/fuse'] }, 'dockerOptions: [{option: devices, values: []}]');
  assert.is(none?.reason, 'DockerOptionNotAllowed');
});

test('values may be numbers', () => {
  const policy = 'dockerOptions: [{option: pidsLimit, values: [-1]}, {option: privileged, values: ["true"]}]';
  assert.is(refusal({ pidsLimit: -1, privileged: true }, policy), undefined);
  assert.is(refusal({ pidsLimit: 5000 }, policy)?.reason, 'DockerOptionNotAllowed');
});

test.run();
