import type { DockerOption } from '../../api/docker/option-risks.ts';
import type { DockerOptions } from '../../api/docker/options.ts';
import { parseDockerSize } from '../../api/quantity.ts';

/** A part of the engine's "create container" request. */
export type BodyPart = Readonly<Record<string, unknown>>;

type Given = { [Option in DockerOption]-?: NonNullable<DockerOptions[Option]> };
type Mapping = { readonly [Option in DockerOption]?: (value: Given[Option]) => BodyPart };

const as = (key: string) => (value: unknown) => ({ [key]: value });
const asSize = (key: string) => (size: string | number) => ({ [key]: parseDockerSize(size) });
const joined = (key: string) => (map: Readonly<Record<string, string>>) => ({
  [key]: Object.entries(map).map(([name, value]) => `${name}:${value}`),
});
const asRates = (key: string) => (rates: Given['deviceReadBps']) => ({
  [key]: rates.map(({ path, rate }) => ({ Path: path, Rate: rate })),
});

const config: Mapping = {
  user: (user) => ({ User: String(user) }),
  workingDir: as('WorkingDir'),
  hostname: as('Hostname'),
  domainname: as('Domainname'),
  stopSignal: as('StopSignal'),
  macAddress: as('MacAddress'),
  networkDisabled: as('NetworkDisabled'),
  healthcheck: ({ test, interval, timeout, startPeriod, retries }) => ({
    Healthcheck: defined({
      Test: test,
      Interval: interval,
      Timeout: timeout,
      StartPeriod: startPeriod,
      Retries: retries,
    }),
  }),
  ports: (ports) => ({
    ExposedPorts: Object.fromEntries(Object.keys(ports).map((port) => [withProtocol(port), {}])),
  }),
};

const hostConfig: Mapping = {
  groupAdd: (groups) => ({ GroupAdd: groups.map(String) }),
  readOnly: as('ReadonlyRootfs'),
  tmpfs: as('Tmpfs'),
  shmSize: asSize('ShmSize'),
  volumesFrom: as('VolumesFrom'),
  volumeDriver: as('VolumeDriver'),
  storageOpt: as('StorageOpt'),
  memReservation: asSize('MemoryReservation'),
  memSwappiness: as('MemorySwappiness'),
  cpuRtPeriod: as('CpuRealtimePeriod'),
  cpuRtRuntime: as('CpuRealtimeRuntime'),
  cpusetCpus: as('CpusetCpus'),
  cpusetMems: as('CpusetMems'),
  blkioWeight: as('BlkioWeight'),
  blkioWeightDevice: (weights) => ({
    BlkioWeightDevice: weights.map(({ path, weight }) => ({ Path: path, Weight: weight })),
  }),
  deviceReadBps: asRates('BlkioDeviceReadBps'),
  deviceWriteBps: asRates('BlkioDeviceWriteBps'),
  deviceReadIops: asRates('BlkioDeviceReadIOps'),
  deviceWriteIops: asRates('BlkioDeviceWriteIOps'),
  ulimits: (ulimits) => ({
    Ulimits: ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard ?? soft })),
  }),
  oomKillDisable: as('OomKillDisable'),
  oomScoreAdj: as('OomScoreAdj'),
  network: as('NetworkMode'),
  networkMode: as('NetworkMode'),
  dns: as('Dns'),
  dnsOpt: as('DnsOptions'),
  dnsSearch: as('DnsSearch'),
  extraHosts: joined('ExtraHosts'),
  links: joined('Links'),
  ports: (ports) => ({
    PortBindings: Object.fromEntries(
      Object.entries(ports).map(([port, host]) => [withProtocol(port), hostPorts(String(host))]),
    ),
  }),
  publishAllPorts: as('PublishAllPorts'),
  ipcMode: as('IpcMode'),
  pidMode: as('PidMode'),
  utsMode: as('UTSMode'),
  usernsMode: as('UsernsMode'),
  cgroupns: as('CgroupnsMode'),
  devices: (devices) => ({ Devices: devices.map(device) }),
  deviceCgroupRules: as('DeviceCgroupRules'),
  deviceRequests: (requests) => ({
    DeviceRequests: requests.map(({ driver, count, deviceIds, capabilities, options }) => ({
      Driver: driver ?? '',
      Count: count ?? 0,
      DeviceIDs: deviceIds ?? [],
      Capabilities: capabilities ?? [],
      Options: options ?? {},
    })),
  }),
  sysctls: (sysctls) => ({
    Sysctls: Object.fromEntries(Object.entries(sysctls).map(([name, value]) => [name, String(value)])),
  }),
  runtime: as('Runtime'),
  logConfig: ({ type, config: options }) => ({ LogConfig: { Type: type, Config: options ?? {} } }),
};

/** The options that are fields of the create request itself, as docker-py sends them. */
export function configOf(options: DockerOptions): BodyPart {
  return mapped(config, options);
}

/** The options that are fields of `HostConfig`, as docker-py sends them; without privileges and limits. */
export function hostConfigOf(options: DockerOptions): BodyPart {
  return mapped(hostConfig, options);
}

function mapped(mapping: Mapping, options: DockerOptions): BodyPart {
  const parts = (Object.keys(mapping) as DockerOption[]).map((option) => partOf(mapping, option, options));
  return Object.assign({}, ...parts) as BodyPart;
}

function partOf<Option extends DockerOption>(
  mapping: { readonly [Name in Option]?: (value: Given[Name]) => BodyPart },
  option: Option,
  options: { readonly [Name in Option]?: Given[Name] },
): BodyPart {
  const value: Given[Option] | undefined = options[option];
  return value === undefined ? {} : (mapping[option]?.(value) ?? {});
}

function withProtocol(port: string): string {
  return port.includes('/') ? port : `${port}/tcp`;
}

function hostPorts(text: string): { HostIp: string; HostPort: string }[] {
  return text.split(',').map((place) => {
    const [, ip = '', port = ''] = /^(?:(.*):)?(\d*)$/.exec(place) ?? [];
    return { HostIp: ip.replace(/^\[(.*)\]$/, '$1'), HostPort: port };
  });
}

/** `host[:container][:permissions]`, as the docker command parses it. */
function device(text: string): BodyPart {
  const [onHost = text, ...rest] = text.split(':');
  const inContainer = rest[0]?.startsWith('/') === true ? rest.shift() : undefined;
  return {
    PathOnHost: onHost,
    PathInContainer: inContainer ?? onHost,
    CgroupPermissions: rest[0] ?? 'rwm',
  };
}

function defined(part: BodyPart): BodyPart {
  return Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));
}
