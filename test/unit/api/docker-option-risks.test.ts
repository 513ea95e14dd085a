import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  dangerousOptions,
  dockerOptionNames,
  type DockerOption,
  policyOptionNames,
} from '../../../src/api/docker/option-risks.ts';
import type { DockerOptions } from '../../../src/api/docker/options.ts';

/** The dangerous values, as `option=value`. */
const dangers = (options: DockerOptions) =>
  dangerousOptions(options).map(({ option, value }) => `${option}=${value}`);

const harmless: DockerOptions = {
  user: 'root',
  groupAdd: [0],
  workingDir: '/x',
  hostname: 'h',
  domainname: 'd',
  labels: { team: 'x' },
  stopSignal: 'SIGINT',
  init: false,
  platform: 'linux/arm64',
  healthcheck: { test: ['NONE'] },
  readOnly: true,
  tmpfs: { '/run': 'exec' },
  shmSize: '1g',
  memLimit: '1g',
  memReservation: 1,
  memswapLimit: -1,
  memSwappiness: 100,
  nanoCpus: 1e9,
  cpuShares: 2,
  cpuPeriod: 1000,
  cpuQuota: -1,
  cpuRtPeriod: 1,
  cpusetCpus: '0',
  cpusetMems: '0',
  blkioWeight: 1000,
  blkioWeightDevice: [{ path: '/dev/sda', weight: 1000 }],
  deviceReadBps: [{ path: '/dev/sda', rate: 1 }],
  deviceWriteBps: [{ path: '/dev/sda', rate: 1 }],
  deviceReadIops: [{ path: '/dev/sda', rate: 1 }],
  deviceWriteIops: [{ path: '/dev/sda', rate: 1 }],
  pidsLimit: 4096,
  ulimits: [{ name: 'nofile', soft: -1 }],
  oomKillDisable: false,
  oomScoreAdj: 1000,
  networkMode: 'none',
  networkDisabled: true,
  dns: ['1.1.1.1'],
  dnsOpt: ['ndots:1'],
  dnsSearch: ['lab'],
  extraHosts: { a: 'host-gateway' },
  publishAllPorts: false,
  ipcMode: 'private',
  cgroupns: 'private',
  privileged: false,
  capDrop: ['ALL'],
  securityOpt: ['no-new-privileges', 'no-new-privileges:true'],
  logConfig: { type: 'none' },
};

test('an option that affects only the container, or only restricts it, is harmless', () => {
  assert.equal(dangers(harmless), []);
  assert.equal(dangers({ network: 'bridge', ipcMode: 'none' }), []);
});

const dangerous: [DockerOptions, string[]][] = [
  [{ labels: { 'io.kubernetes.pod.uid': 'x', a: 'b' } }, ['labels=io.kubernetes.pod.uid']],
  [{ volumesFrom: ['other:ro'] }, ['volumesFrom=other:ro']],
  [{ volumeDriver: 'nfs' }, ['volumeDriver=nfs']],
  [{ storageOpt: { size: '1g' } }, ['storageOpt=size']],
  [{ cpuRtRuntime: 950000 }, ['cpuRtRuntime=950000']],
  [{ pidsLimit: 4097 }, ['pidsLimit=4097']],
  [{ pidsLimit: -1 }, ['pidsLimit=-1']],
  [{ pidsLimit: 0 }, ['pidsLimit=0']],
  [{ ulimits: [{ name: 'rtprio', soft: 99 }] }, ['ulimits=rtprio']],
  [{ oomKillDisable: true }, ['oomKillDisable=true']],
  [{ oomScoreAdj: -1 }, ['oomScoreAdj=-1']],
  [{ oomScoreAdj: 999 }, ['oomScoreAdj=999']],
  [{ network: 'backend' }, ['network=backend']],
  [{ network: 'host' }, ['network=host']],
  [{ networkMode: 'host' }, ['networkMode=host']],
  [{ networkMode: 'container:x' }, ['networkMode=container:x']],
  [{ macAddress: '02:42:ac:11:00:02' }, ['macAddress=02:42:ac:11:00:02']],
  [{ links: { db: 'db' } }, ['links=db']],
  [{ ports: { '80/tcp': 8080 } }, ['ports=80/tcp']],
  [{ publishAllPorts: true }, ['publishAllPorts=true']],
  [{ ipcMode: 'host' }, ['ipcMode=host']],
  [{ ipcMode: 'shareable' }, ['ipcMode=shareable']],
  [{ pidMode: 'container:x' }, ['pidMode=container:x']],
  [{ utsMode: 'host' }, ['utsMode=host']],
  [{ usernsMode: 'host' }, ['usernsMode=host']],
  [{ cgroupns: 'host' }, ['cgroupns=host']],
  [{ privileged: true }, ['privileged=true']],
  [{ capAdd: ['cap_sys_ptrace', 'ALL'] }, ['capAdd=SYS_PTRACE', 'capAdd=ALL']],
  [{ securityOpt: ['seccomp=unconfined'] }, ['securityOpt=seccomp=unconfined']],
  [{ securityOpt: ['no-new-privileges:false'] }, ['securityOpt=no-new-privileges:false']],
  [{ devices: ['/dev/fuse:/dev/x:r'] }, ['devices=/dev/fuse']],
  [{ deviceCgroupRules: ['c 1:3 r'] }, ['deviceCgroupRules=c 1:3 r']],
  [{ deviceRequests: [{ count: -1, capabilities: [['gpu']] }] }, ['deviceRequests=gpu']],
  [{ deviceRequests: [{}] }, ['deviceRequests=']],
  [{ sysctls: { 'net.core.somaxconn': 1 } }, ['sysctls=net.core.somaxconn']],
  [{ runtime: 'nvidia' }, ['runtime=nvidia']],
  [{ logConfig: { type: 'json-file' } }, ['logConfig=json-file']],
];

for (const [options, named] of dangerous) {
  test(`${JSON.stringify(options)} is dangerous`, () => {
    assert.equal(dangers(options), named);
    for (const { why } of dangerousOptions(options)) assert.match(why, /^.{10,}[^.]$/);
  });
}

test('every option of the schema is tested above', () => {
  const tested = new Set([
    ...Object.keys(harmless),
    ...dangerous.flatMap(([options]) => Object.keys(options)),
  ]);
  assert.equal(
    dockerOptionNames.filter((option) => !tested.has(option)),
    [],
  );
  const named = new Set(dangerous.flatMap(([options]) => Object.keys(options) as DockerOption[]));
  assert.equal([...named].sort(), [...policyOptionNames].sort());
});

test.run();
