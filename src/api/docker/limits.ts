import { Type } from 'typebox';
import { deviceRates, integer, size, text } from './option-fields.ts';

const ulimit = Type.Object({
  name: Type.String({
    description: 'What is limited, as in setrlimit(2): nofile, nproc, core…',
    pattern: '^[a-z]+$',
    maxLength: 32,
  }),
  soft: integer('The limit that holds; -1 is none.', { minimum: -1 }),
  hard: Type.Optional(
    integer('What the target may raise it to; -1 is none, and the soft limit when absent.', { minimum: -1 }),
  ),
});

/** The options of `spec.docker` that bound what the target uses. */
export const limitOptions = {
  memLimit: Type.Optional(
    size('The most memory the target gets; resources.limits.memory is better, the scheduler knows of it.'),
  ),
  memReservation: Type.Optional(size('What it is pushed back to when the node is short of memory.')),
  memswapLimit: Type.Optional(size('The most memory and swap together; -1 is no limit.')),
  memSwappiness: Type.Optional(
    integer('How readily its memory is swapped out (cgroup v1).', { maximum: 100 }),
  ),
  nanoCpus: Type.Optional(
    integer('The most CPU it gets, in 10⁻⁹ CPUs; resources.limits.cpu is better, the scheduler knows of it.'),
  ),
  cpuShares: Type.Optional(integer('Its weight among the containers of the pod; 1024 is usual.')),
  cpuPeriod: Type.Optional(integer('The period of cpuQuota in microseconds.')),
  cpuQuota: Type.Optional(
    integer('The microseconds of CPU it gets in each period; -1 is no limit.', { minimum: -1 }),
  ),
  cpuRtPeriod: Type.Optional(integer('The period of cpuRtRuntime in microseconds.')),
  cpuRtRuntime: Type.Optional(
    integer('The microseconds of real-time scheduling it gets in each period. The policy must allow it.'),
  ),
  cpusetCpus: Type.Optional(text('The CPUs it may use, as 0-2,4.', '^[0-9,-]*$', 256)),
  cpusetMems: Type.Optional(text('The NUMA nodes whose memory it may use, as 0,1.', '^[0-9,-]*$', 256)),
  blkioWeight: Type.Optional(
    integer('Its weight when disks are busy, 10 to 1000; 0 is the default.', { maximum: 1000 }),
  ),
  blkioWeightDevice: Type.Optional(
    Type.Array(
      Type.Object({
        path: text('The device of the node.', '^/'),
        weight: integer('Its weight on it.', { maximum: 1000 }),
      }),
      { description: 'The weight on single devices.', maxItems: 32 },
    ),
  ),
  deviceReadBps: Type.Optional(deviceRates('The most bytes per second it reads from a device.')),
  deviceWriteBps: Type.Optional(deviceRates('The most bytes per second it writes to a device.')),
  deviceReadIops: Type.Optional(deviceRates('The most reads per second from a device.')),
  deviceWriteIops: Type.Optional(deviceRates('The most writes per second to a device.')),
  pidsLimit: Type.Optional(
    integer('The most processes it has; 4096 when absent. More, or -1 for no limit, the policy must allow.', {
      minimum: -1,
    }),
  ),
  ulimits: Type.Optional(
    Type.Array(ulimit, { description: 'Limits of each of its processes.', maxItems: 32 }),
  ),
  oomKillDisable: Type.Optional(
    Type.Boolean({
      description: 'Whether it waits instead of being killed when memory ran out. The policy must allow it.',
    }),
  ),
  oomScoreAdj: Type.Optional(
    integer(
      'How readily the kernel kills it when the node runs out of memory; the policy must allow less than 0.',
      { minimum: -1000, maximum: 1000 },
    ),
  ),
};
