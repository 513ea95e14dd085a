import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { privilegesOf } from '../../../src/docker/create/container-spec.ts';

const defaultCapabilities = privilegesOf({}).CapAdd;

test('without options a target has few privileges', () => {
  assert.equal(privilegesOf({}), {
    SecurityOpt: ['no-new-privileges'],
    CapDrop: ['ALL'],
    CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'NET_BIND_SERVICE'],
    PidsLimit: 4096,
  });
});

test('an option adds capabilities to the default ones, with or without the prefix CAP_', () => {
  assert.equal(privilegesOf({ capAdd: ['SYS_PTRACE', 'cap_chown'] }), {
    ...privilegesOf({}),
    CapAdd: [...defaultCapabilities, 'SYS_PTRACE'],
  });
});

test('an option drops default capabilities, and dropping ALL keeps only those that are added', () => {
  const { CapAdd } = privilegesOf({ capDrop: ['CAP_CHOWN', 'NET_RAW'] });
  assert.equal(
    CapAdd,
    defaultCapabilities.filter((name) => name !== 'CHOWN'),
  );
  assert.equal(privilegesOf({ capDrop: ['ALL'] }).CapAdd, []);
  assert.equal(privilegesOf({ capDrop: ['all'], capAdd: ['KILL'] }).CapAdd, ['KILL']);
});

test('adding ALL grants every capability except those that are dropped', () => {
  const { CapAdd, CapDrop } = privilegesOf({ capAdd: ['ALL'], capDrop: ['SYS_ADMIN'] });
  assert.equal({ CapAdd, CapDrop }, { CapAdd: ['ALL'], CapDrop: ['SYS_ADMIN'] });
});

test('no-new-privileges stays unless a security option sets it', () => {
  assert.equal(privilegesOf({ securityOpt: ['seccomp=unconfined'] }).SecurityOpt, [
    'no-new-privileges',
    'seccomp=unconfined',
  ]);
  assert.equal(privilegesOf({ securityOpt: ['no-new-privileges:false'] }).SecurityOpt, [
    'no-new-privileges:false',
  ]);
});

test('for a privileged target only the limit on processes remains', () => {
  assert.equal(privilegesOf({ privileged: true }), {
    Privileged: true,
    SecurityOpt: [],
    CapDrop: [],
    CapAdd: [],
    PidsLimit: 4096,
  });
  assert.equal(privilegesOf({ privileged: false }), privilegesOf({}));
});

test('an option sets the limit on processes', () => {
  assert.is(privilegesOf({ pidsLimit: 64 }).PidsLimit, 64);
});

test.run();
