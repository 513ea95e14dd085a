import { Type } from 'typebox';
import { deviceRates, integer, size, text } from './option-fields.ts';

const ulimit = Type.Object({
  name: Type.String({
    description: 'The resource, as in setrlimit(2): nofile, nproc, core…',
    pattern: '^[a-z]+$',
    maxLength: 32,
  }),
  soft: integer('The soft limit; -1 means no limit.', { minimum: -1 }),
  hard: Type.Optional(
    integer(
      'The hard limit, to which the target may raise the soft limit; -1 means no limit. Defaults to the soft limit.',
      { minimum: -1 },
    ),
  ),
});

/** The options of `spec.docker` for resource limits. */
export const limitOptions = {
  memLimit: Type.Optional(
    size('The memory limit. Prefer resources.limits.memory, which the scheduler takes into account.'),
  ),
  memReservation: Type.Optional(
    size('The soft memory limit, which the kernel enforces when the node is short of memory.'),
  ),
  memswapLimit: Type.Optional(size('The limit of memory and swap together; -1 means no limit.')),
  memSwappiness: Type.Optional(
    integer('The tendency to swap out memory of the target, 0 to 100 (cgroup v1).', { maximum: 100 }),
  ),
  nanoCpus: Type.Optional(
    integer(
      'The CPU limit in units of 10⁻⁹ CPUs. Prefer resources.limits.cpu, which the scheduler takes into account.',
    ),
  ),
  cpuShares: Type.Optional(
    integer('The CPU weight relative to the other containers of the pod; 1024 is the usual weight.'),
  ),
  cpuPeriod: Type.Optional(integer('The period of cpuQuota, in microseconds.')),
  cpuQuota: Type.Optional(
    integer('The CPU time in each period, in microseconds; -1 means no limit.', { minimum: -1 }),
  ),
  cpuRtPeriod: Type.Optional(integer('The period of cpuRtRuntime, in microseconds.')),
  cpuRtRuntime: Type.Optional(
    integer('The real-time CPU time in each period, in microseconds. The DockerRunPolicy must allow it.'),
  ),
  cpusetCpus: Type.Optional(text('The CPUs that the target may use, such as 0-2,4.', '^[0-9,-]*$', 256)),
  cpusetMems: Type.Optional(
    text('The NUMA nodes whose memory the target may use, such as 0,1.', '^[0-9,-]*$', 256),
  ),
  blkioWeight: Type.Optional(
    integer('The block I/O weight, 10 to 1000; 0 means the default.', { maximum: 1000 }),
  ),
  blkioWeightDevice: Type.Optional(
    Type.Array(
      Type.Object({
        path: text('The device of the node.', '^/'),
        weight: integer('The weight for the device.', { maximum: 1000 }),
      }),
      { description: 'Block I/O weights for single devices.', maxItems: 32 },
    ),
  ),
  deviceReadBps: Type.Optional(deviceRates('Limits of the bytes per second that are read from a device.')),
  deviceWriteBps: Type.Optional(deviceRates('Limits of the bytes per second that are written to a device.')),
  deviceReadIops: Type.Optional(deviceRates('Limits of the reads per second from a device.')),
  deviceWriteIops: Type.Optional(deviceRates('Limits of the writes per second to a device.')),
  pidsLimit: Type.Optional(
    integer(
      'The limit of processes; -1 means no limit. Defaults to 4096. The DockerRunPolicy must allow more.',
      {
        minimum: -1,
      },
    ),
  ),
  ulimits: Type.Optional(
    Type.Array(ulimit, { description: 'Limits of each process of the target.', maxItems: 32 }),
  ),
  oomKillDisable: Type.Optional(
    Type.Boolean({
      description:
        'Whether the target waits for memory instead of being killed when it runs out of memory. The DockerRunPolicy must allow it.',
    }),
  ),
  oomScoreAdj: Type.Optional(
    integer(
      'The tendency of the kernel to kill the target when the node runs out of memory. 1000 by default; the DockerRunPolicy must allow a smaller value.',
      { minimum: -1000, maximum: 1000 },
    ),
  ),
};
