import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dockerOptionNames } from '../../../src/api/docker/option-risks.ts';
import type { DockerOptions } from '../../../src/api/docker/options.ts';
import { configOf, hostConfigOf } from '../../../src/docker/create/option-body.ts';
import { containerSpec } from '../../../src/docker/create/container-spec.ts';

const config: [DockerOptions, object][] = [
  [{ user: 1000 }, { User: '1000' }],
  [{ user: 'app:staff' }, { User: 'app:staff' }],
  [{ workingDir: '/work' }, { WorkingDir: '/work' }],
  [
    { hostname: 'h', domainname: 'd' },
    { Hostname: 'h', Domainname: 'd' },
  ],
  [{ stopSignal: 'SIGINT' }, { StopSignal: 'SIGINT' }],
  [{ macAddress: '02:42:ac:11:00:02' }, { MacAddress: '02:42:ac:11:00:02' }],
  [{ networkDisabled: true }, { NetworkDisabled: true }],
  [
    { healthcheck: { test: ['CMD', 'true'], startPeriod: 5, retries: 3 } },
    { Healthcheck: { Test: ['CMD', 'true'], StartPeriod: 5, Retries: 3 } },
  ],
  [{ ports: { '53/udp': 53, 80: '' } }, { ExposedPorts: { '53/udp': {}, '80/tcp': {} } }],
];

const hostConfig: [DockerOptions, object][] = [
  [{ groupAdd: ['video', 44] }, { GroupAdd: ['video', '44'] }],
  [{ readOnly: true }, { ReadonlyRootfs: true }],
  [{ tmpfs: { '/run': 'size=64m' } }, { Tmpfs: { '/run': 'size=64m' } }],
  [{ shmSize: '1g' }, { ShmSize: 2 ** 30 }],
  [{ shmSize: 4096 }, { ShmSize: 4096 }],
  [{ volumesFrom: ['other:ro'] }, { VolumesFrom: ['other:ro'] }],
  [{ volumeDriver: 'local' }, { VolumeDriver: 'local' }],
  [{ storageOpt: { size: '1g' } }, { StorageOpt: { size: '1g' } }],
  [
    { memReservation: '64m', memSwappiness: 0 },
    { MemoryReservation: 2 ** 26, MemorySwappiness: 0 },
  ],
  [
    { cpuRtPeriod: 2, cpuRtRuntime: 1 },
    { CpuRealtimePeriod: 2, CpuRealtimeRuntime: 1 },
  ],
  [
    { cpusetCpus: '0-1', cpusetMems: '0' },
    { CpusetCpus: '0-1', CpusetMems: '0' },
  ],
  [{ blkioWeight: 10 }, { BlkioWeight: 10 }],
  [
    { blkioWeightDevice: [{ path: '/dev/sda', weight: 10 }] },
    { BlkioWeightDevice: [{ Path: '/dev/sda', Weight: 10 }] },
  ],
  [
    { deviceReadBps: [{ path: '/dev/sda', rate: 1 }] },
    { BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 1 }] },
  ],
  [
    { deviceWriteBps: [{ path: '/dev/sda', rate: 1 }] },
    { BlkioDeviceWriteBps: [{ Path: '/dev/sda', Rate: 1 }] },
  ],
  [
    { deviceReadIops: [{ path: '/dev/sda', rate: 1 }] },
    { BlkioDeviceReadIOps: [{ Path: '/dev/sda', Rate: 1 }] },
  ],
  [
    { deviceWriteIops: [{ path: '/dev/sda', rate: 1 }] },
    { BlkioDeviceWriteIOps: [{ Path: '/dev/sda', Rate: 1 }] },
  ],
  [
    {
      ulimits: [
        { name: 'nofile', soft: 64, hard: 128 },
        { name: 'core', soft: 0 },
      ],
    },
    {
      Ulimits: [
        { Name: 'nofile', Soft: 64, Hard: 128 },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
    },
  ],
  [
    { oomKillDisable: true, oomScoreAdj: 5 },
    { OomKillDisable: true, OomScoreAdj: 5 },
  ],
  [{ network: 'backend' }, { NetworkMode: 'backend' }],
  [{ networkMode: 'none' }, { NetworkMode: 'none' }],
  [
    { dns: ['1.1.1.1'], dnsOpt: ['ndots:1'], dnsSearch: ['lab'] },
    { Dns: ['1.1.1.1'], DnsOptions: ['ndots:1'], DnsSearch: ['lab'] },
  ],
  [{ extraHosts: { db: '10.0.0.7' } }, { ExtraHosts: ['db:10.0.0.7'] }],
  [{ links: { other: 'db' } }, { Links: ['other:db'] }],
  [
    { ports: { '53/udp': '127.0.0.1:5353,[::1]:5353', 80: 8080, '81/tcp': '' } },
    {
      PortBindings: {
        '53/udp': [
          { HostIp: '127.0.0.1', HostPort: '5353' },
          { HostIp: '::1', HostPort: '5353' },
        ],
        '80/tcp': [{ HostIp: '', HostPort: '8080' }],
        '81/tcp': [{ HostIp: '', HostPort: '' }],
      },
    },
  ],
  [{ publishAllPorts: true }, { PublishAllPorts: true }],
  [
    { ipcMode: 'host', pidMode: 'host', utsMode: 'host', usernsMode: 'host', cgroupns: 'host' },
    { IpcMode: 'host', PidMode: 'host', UTSMode: 'host', UsernsMode: 'host', CgroupnsMode: 'host' },
  ],
  [
    { devices: ['/dev/fuse', '/dev/a:/dev/b', '/dev/a:/dev/b:r', '/dev/c:rw'] },
    {
      Devices: [
        { PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' },
        { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'rwm' },
        { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' },
        { PathOnHost: '/dev/c', PathInContainer: '/dev/c', CgroupPermissions: 'rw' },
      ],
    },
  ],
  [{ deviceCgroupRules: ['c 1:3 r'] }, { DeviceCgroupRules: ['c 1:3 r'] }],
  [
    { deviceRequests: [{ count: -1, capabilities: [['gpu']] }] },
    { DeviceRequests: [{ Driver: '', Count: -1, DeviceIDs: [], Capabilities: [['gpu']], Options: {} }] },
  ],
  [{ sysctls: { 'net.core.somaxconn': 256 } }, { Sysctls: { 'net.core.somaxconn': '256' } }],
  [{ runtime: 'runc' }, { Runtime: 'runc' }],
  [
    { logConfig: { type: 'json-file', config: { 'max-size': '1m' } } },
    { LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } } },
  ],
];

for (const [options, body] of config) {
  test(`${JSON.stringify(options)} becomes a field of the create request`, () => {
    assert.equal(configOf(options), body);
  });
}

for (const [options, body] of hostConfig) {
  test(`${JSON.stringify(options)} becomes a field of HostConfig`, () => {
    assert.equal(hostConfigOf(options), body);
  });
}

/** Options that containerSpec maps, because they depend on defaults and resources. */
const elsewhere: [DockerOptions, readonly string[]][] = [
  [{ labels: { a: 'b' } }, ['Labels']],
  [{ init: true }, ['Init']],
  [{ memLimit: 1 }, ['Memory']],
  [{ memLimit: 1, memswapLimit: 2 }, ['MemorySwap']],
  [{ nanoCpus: 1 }, ['NanoCpus']],
  [{ cpuPeriod: 1 }, ['CpuPeriod']],
  [{ cpuQuota: 1 }, ['CpuQuota']],
  [{ cpuShares: 1 }, ['CpuShares']],
  [{ pidsLimit: 1 }, ['PidsLimit']],
  [{ privileged: true }, ['Privileged']],
  [{ capAdd: ['ALL'] }, ['CapAdd']],
  [{ capDrop: ['ALL'] }, ['CapAdd']],
  [{ securityOpt: ['x'] }, ['SecurityOpt']],
];

for (const [docker, [field = '']] of elsewhere) {
  test(`${JSON.stringify(docker)} changes ${field}`, () => {
    const options = { name: 'n', labels: {}, image: 'i', env: [], mounts: [] };
    const valueOf = (given: DockerOptions) => {
      const body = containerSpec({ ...options, docker: given }, { hasInit: false });
      return field in body ? body[field] : body.HostConfig[field];
    };
    assert.not.equal(valueOf(docker), valueOf({}));
  });
}

test('every option of the schema is mapped, except platform, which is in the query', () => {
  const tested = new Set(
    [...config, ...hostConfig, ...elsewhere].flatMap(([options]) => Object.keys(options)),
  );
  assert.equal(
    dockerOptionNames.filter((option) => !tested.has(option)),
    ['platform'],
  );
});

test.run();
