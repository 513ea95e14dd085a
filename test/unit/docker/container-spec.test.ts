import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type ContainerOptions,
  containerSpec,
  cpuSharesOf,
} from '../../../src/docker/create/container-spec.ts';

const options: ContainerOptions = {
  name: 'run-1',
  labels: { 'dockerrun.dev/run-uid': 'u' },
  image: 'busybox:local',
  env: ['A=1'],
  mounts: [],
};
const withInit = { hasInit: true };

test('the least container is as secure as any other', () => {
  assert.equal(containerSpec(options, withInit), {
    Image: 'busybox:local',
    Labels: { 'dockerrun.dev/run-uid': 'u' },
    Env: ['A=1'],
    Tty: false,
    OpenStdin: false,
    HostConfig: {
      AutoRemove: true,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'none' },
      SecurityOpt: ['no-new-privileges'],
      CapDrop: ['ALL'],
      CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'NET_BIND_SERVICE'],
      PidsLimit: 4096,
      Init: true,
      Mounts: [],
    },
  });
});

test('an engine without an init binary gets a container without one', () => {
  assert.is(containerSpec(options, { hasInit: false }).HostConfig.Init, false);
});

test('command is the entrypoint and args are the command, and empty ones leave the image alone', () => {
  const body = containerSpec({ ...options, command: ['python'], args: ['-c', ''] }, withInit);
  assert.equal(body.Entrypoint, ['python']);
  assert.equal(body.Cmd, ['-c', '']);
  const empty = containerSpec({ ...options, command: [], args: [] }, withInit);
  assert.not('Entrypoint' in empty);
  assert.not('Cmd' in empty);
});

test('bind mounts are Mounts, whose missing source is an error, and never Binds', () => {
  const mounts = [{ type: 'bind', source: '/data:x', target: '/in', readOnly: true } as const];
  const { HostConfig } = containerSpec({ ...options, mounts }, withInit);
  assert.equal(HostConfig.Mounts, [{ Type: 'bind', Source: '/data:x', Target: '/in', ReadOnly: true }]);
  assert.not('Binds' in HostConfig);
});

test('a memory limit is a limit on swap too', () => {
  const { HostConfig } = containerSpec({ ...options, memoryBytes: 1024 }, withInit);
  assert.is(HostConfig['Memory'], 1024);
  assert.is(HostConfig['MemorySwap'], 1024);
});

test('a CPU limit is a quota of each tenth of a second, at least the smallest the kernel takes', () => {
  const quota = (nanoCpus: number) =>
    containerSpec({ ...options, nanoCpus }, withInit).HostConfig['CpuQuota'];
  assert.is(quota(1.5e9), 150_000);
  assert.is(quota(250e6), 25_000);
  assert.is(quota(1e6), 1_000);
});

test('the cgroup parent and the CPU weight are passed on', () => {
  const { HostConfig } = containerSpec({ ...options, cgroupParent: '/kubepods/x', cpuShares: 512 }, withInit);
  assert.is(HostConfig.CgroupParent, '/kubepods/x');
  assert.is(HostConfig['CpuShares'], 512);
});

test("CPU requests become weights by the kubelet's formula", () => {
  assert.is(cpuSharesOf(1_000), 1_024);
  assert.is(cpuSharesOf(100), 102);
  assert.is(cpuSharesOf(0), 2);
  assert.is(cpuSharesOf(1e9), 262_144);
});

test('the limits of docker hold where resources give none', () => {
  const docker = { memLimit: '64m', nanoCpus: 5e8, cpuShares: 2 };
  const { HostConfig } = containerSpec({ ...options, docker }, withInit);
  assert.is(HostConfig['Memory'], 2 ** 26);
  assert.is(HostConfig['MemorySwap'], 2 ** 26);
  assert.is(HostConfig['NanoCpus'], 5e8);
  assert.is(HostConfig['CpuShares'], 2);
  const limited = { ...options, docker, memoryBytes: 1024, nanoCpus: 1e9, cpuShares: 512 };
  const decided = containerSpec(limited, withInit).HostConfig;
  assert.is(decided['Memory'], 1024);
  assert.is(decided['CpuQuota'], 100_000);
  assert.not('NanoCpus' in decided);
  assert.is(decided['CpuShares'], 512);
});

test('swap beyond the memory limit has to be asked for', () => {
  const { HostConfig } = containerSpec(
    { ...options, memoryBytes: 1024, docker: { memswapLimit: -1 } },
    withInit,
  );
  assert.is(HostConfig['Memory'], 1024);
  assert.is(HostConfig['MemorySwap'], -1);
});

test('an init process can be asked for and refused', () => {
  const init = (wanted: boolean, hasInit: boolean) =>
    containerSpec({ ...options, docker: { init: wanted } }, { hasInit }).HostConfig.Init;
  assert.is(init(false, true), false);
  assert.is(init(true, false), true);
});

test("a label of docker never takes the place of one of the run's own", () => {
  const labels = { 'dockerrun.dev/run-uid': 'other', team: 'x' };
  const body = containerSpec({ ...options, docker: { labels } }, withInit);
  assert.equal(body.Labels, { 'dockerrun.dev/run-uid': 'u', team: 'x' });
});

test('a container that is kept is not removed by the engine', () => {
  assert.is(containerSpec({ ...options, keep: true }, withInit).HostConfig.AutoRemove, false);
});

test('nothing but an option of docker can loosen what holds for every target', () => {
  const text = fc.string();
  const arbitrary = fc.record({
    name: text,
    labels: fc.dictionary(text, text),
    image: text,
    command: fc.array(text),
    args: fc.array(text),
    env: fc.array(text),
    mounts: fc.constant([]),
    memoryBytes: fc.nat(),
    nanoCpus: fc.nat(),
    cpuShares: fc.nat(),
  });
  fc.assert(
    fc.property(arbitrary, (any) => {
      const { HostConfig } = containerSpec(any, withInit);
      assert.equal(HostConfig.CapDrop, ['ALL']);
      assert.equal(HostConfig.SecurityOpt, ['no-new-privileges']);
      assert.is(HostConfig.AutoRemove, true);
      assert.not('Privileged' in HostConfig);
    }),
  );
});

test.run();
