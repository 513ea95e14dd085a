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

test('a container is created from the image that was pulled, whatever has its name by then', () => {
  assert.is(containerSpec({ ...options, imageId: 'sha256:1d' }, withInit).Image, 'sha256:1d');
});

test('a container with the fewest options has the secure defaults', () => {
  assert.equal(containerSpec(options, withInit), {
    Image: 'busybox:local',
    Labels: { 'dockerrun.dev/run-uid': 'u' },
    Env: ['A=1'],
    Tty: false,
    OpenStdin: false,
    HostConfig: {
      AutoRemove: true,
      OomScoreAdj: 1000,
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

test('on an engine without an init binary the container runs without an init process', () => {
  assert.is(containerSpec(options, { hasInit: false }).HostConfig.Init, false);
});

test('command becomes the entrypoint, args becomes the command, and empty ones keep those of the image', () => {
  const body = containerSpec({ ...options, command: ['python'], args: ['-c', ''] }, withInit);
  assert.equal(body.Entrypoint, ['python']);
  assert.equal(body.Cmd, ['-c', '']);
  const empty = containerSpec({ ...options, command: [], args: [] }, withInit);
  assert.not('Entrypoint' in empty);
  assert.not('Cmd' in empty);
});

test('a mount without the file systems in it is sent as such', () => {
  const mount = { type: 'bind', source: '/a', target: '/in', readOnly: true } as const;
  const optionsOf = (isRecursive: boolean) =>
    containerSpec({ ...options, mounts: [{ ...mount, isRecursive }] }, withInit).HostConfig.Mounts[0]
      ?.BindOptions;
  assert.equal([optionsOf(false), optionsOf(true)], [{ NonRecursive: true }, undefined]);
});

test('a mount that the engine relabels is sent as a bind, and the others as Mounts', () => {
  const other = { type: 'bind', source: '/b', target: '/other', readOnly: false } as const;
  const mounts = [
    { ...other, source: '/a', target: '/in', readOnly: true, relabel: 'z' } as const,
    { ...other, source: '/c', target: '/out', relabel: 'Z' } as const,
    other,
  ];
  const { HostConfig } = containerSpec({ ...options, mounts }, withInit);
  assert.equal(HostConfig.Binds, ['/a:/in:ro,z', '/c:/out:rw,Z']);
  assert.equal(
    HostConfig.Mounts.map(({ Source }) => Source),
    ['/b'],
  );
});

test('bind mounts are sent as Mounts, whose missing source is an error, never as Binds', () => {
  const mounts = [{ type: 'bind', source: '/data:x', target: '/in', readOnly: true } as const];
  const { HostConfig } = containerSpec({ ...options, mounts }, withInit);
  assert.equal(HostConfig.Mounts, [{ Type: 'bind', Source: '/data:x', Target: '/in', ReadOnly: true }]);
  assert.not('Binds' in HostConfig);
});

test('a memory limit also limits swap', () => {
  const { HostConfig } = containerSpec({ ...options, memoryBytes: 1024 }, withInit);
  assert.is(HostConfig['Memory'], 1024);
  assert.is(HostConfig['MemorySwap'], 1024);
});

test('a CPU limit is a quota in each 100 ms, and at least the smallest that the kernel accepts', () => {
  const quota = (nanoCpus: number) =>
    containerSpec({ ...options, nanoCpus }, withInit).HostConfig['CpuQuota'];
  assert.is(quota(1.5e9), 150_000);
  assert.is(quota(250e6), 25_000);
  assert.is(quota(1e6), 1_000);
});

test('the cgroup parent and the CPU weight are part of the request', () => {
  const { HostConfig } = containerSpec({ ...options, cgroupParent: '/kubepods/x', cpuShares: 512 }, withInit);
  assert.is(HostConfig.CgroupParent, '/kubepods/x');
  assert.is(HostConfig['CpuShares'], 512);
});

test("a CPU request becomes a weight by the kubelet's formula", () => {
  assert.is(cpuSharesOf(1_000), 1_024);
  assert.is(cpuSharesOf(100), 102);
  assert.is(cpuSharesOf(0), 2);
  assert.is(cpuSharesOf(1e9), 262_144);
});

test('the limits of the docker options apply where resources set none', () => {
  const docker = { memLimit: '64m', nanoCpus: 5e8, cpuShares: 2 };
  const { HostConfig } = containerSpec({ ...options, docker }, withInit);
  assert.is(HostConfig['Memory'], 2 ** 26);
  assert.is(HostConfig['MemorySwap'], 2 ** 26);
  assert.is(HostConfig['NanoCpus'], 5e8);
  assert.is(HostConfig['CpuShares'], 2);
  const limited = { ...options, docker, memoryBytes: 1024, nanoCpus: 1e9, cpuShares: 512 };
  const overridden = containerSpec(limited, withInit).HostConfig;
  assert.is(overridden['Memory'], 1024);
  assert.is(overridden['CpuQuota'], 100_000);
  assert.not('NanoCpus' in overridden);
  assert.is(overridden['CpuShares'], 512);
});

test('only an option allows swap beyond the memory limit', () => {
  const { HostConfig } = containerSpec(
    { ...options, memoryBytes: 1024, docker: { memswapLimit: -1 } },
    withInit,
  );
  assert.is(HostConfig['Memory'], 1024);
  assert.is(HostConfig['MemorySwap'], -1);
});

test('an option turns the init process on or off', () => {
  const init = (wanted: boolean, hasInit: boolean) =>
    containerSpec({ ...options, docker: { init: wanted } }, { hasInit }).HostConfig.Init;
  assert.is(init(false, true), false);
  assert.is(init(true, false), true);
});

test("a label of the docker options never replaces one of the run's own", () => {
  const labels = { 'dockerrun.dev/run-uid': 'other', team: 'x' };
  const body = containerSpec({ ...options, docker: { labels } }, withInit);
  assert.equal(body.Labels, { 'dockerrun.dev/run-uid': 'u', team: 'x' });
});

test('the engine does not remove a container that is kept', () => {
  assert.is(containerSpec({ ...options, keep: true }, withInit).HostConfig.AutoRemove, false);
});

test('only docker options can loosen the secure defaults', () => {
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
