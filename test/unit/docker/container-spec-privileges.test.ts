import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { privilegesOf } from '../../../src/docker/create/container-spec.ts';

const kept = privilegesOf({}).CapAdd;

test('without options a target has few rights', () => {
  assert.equal(privilegesOf({}), {
    SecurityOpt: ['no-new-privileges'],
    CapDrop: ['ALL'],
    CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'NET_BIND_SERVICE'],
    PidsLimit: 4096,
  });
});

test('capabilities are added to the usual ones, by either of their names', () => {
  assert.equal(privilegesOf({ capAdd: ['SYS_PTRACE', 'cap_chown'] }), {
    ...privilegesOf({}),
    CapAdd: [...kept, 'SYS_PTRACE'],
  });
});

test('capabilities are dropped from the usual ones, and ALL leaves only those that are added', () => {
  const { CapAdd } = privilegesOf({ capDrop: ['CAP_CHOWN', 'NET_RAW'] });
  assert.equal(
    CapAdd,
    kept.filter((name) => name !== 'CHOWN'),
  );
  assert.equal(privilegesOf({ capDrop: ['ALL'] }).CapAdd, []);
  assert.equal(privilegesOf({ capDrop: ['all'], capAdd: ['KILL'] }).CapAdd, ['KILL']);
});

test('every capability but those dropped', () => {
  const { CapAdd, CapDrop } = privilegesOf({ capAdd: ['ALL'], capDrop: ['SYS_ADMIN'] });
  assert.equal({ CapAdd, CapDrop }, { CapAdd: ['ALL'], CapDrop: ['SYS_ADMIN'] });
});

test('security options add to no-new-privileges unless they decide about it', () => {
  assert.equal(privilegesOf({ securityOpt: ['seccomp=unconfined'] }).SecurityOpt, [
    'no-new-privileges',
    'seccomp=unconfined',
  ]);
  assert.equal(privilegesOf({ securityOpt: ['no-new-privileges:false'] }).SecurityOpt, [
    'no-new-privileges:false',
  ]);
});

test('a privileged target is held by nothing but the limit of processes', () => {
  assert.equal(privilegesOf({ privileged: true }), {
    Privileged: true,
    SecurityOpt: [],
    CapDrop: [],
    CapAdd: [],
    PidsLimit: 4096,
  });
  assert.equal(privilegesOf({ privileged: false }), privilegesOf({}));
});

test('the limit of processes can be another', () => {
  assert.is(privilegesOf({ pidsLimit: 64 }).PidsLimit, 64);
});

test.run();
