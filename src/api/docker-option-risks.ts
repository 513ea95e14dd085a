import { type DockerOptions, dockerOptions } from './docker-options.ts';

/** Every option of `spec.docker`. */
export type DockerOption = keyof DockerOptions;

/** A value of an option that reaches beyond the target's own container, and how; it needs the operator's leave. */
export type DangerousOption = { readonly option: DockerOption; readonly value: string; readonly why: string };

/** `values` gives those parts of the option's value that are dangerous, in the words that a policy lists. */
type Risk<Value> = { readonly why: string; readonly values: (value: Value) => readonly string[] };

type Given = { [Option in DockerOption]-?: NonNullable<DockerOptions[Option]> };
type Risks = { readonly [Option in DockerOption]: Risk<Given[Option]> };

const all = (texts: readonly string[]) => texts;
const one = (text: string) => [text];
const keys = (map: Readonly<Record<string, unknown>>) => Object.keys(map);
const whenTrue = (value: boolean) => (value ? ['true'] : []);
const allBut = (safe: readonly string[]) => (value: string) => (safe.includes(value) ? [] : [value]);

/** An option that reaches nothing outside of the container, or only takes something away from it. */
const safe: Risk<unknown> = { why: '', values: () => [] };

/** Scheduling classes that can keep the node's other processes from running. */
const urgentLimits = ['nice', 'rtprio', 'rttime'];

/** The processes a target has without asking; the controller's policy decides about more. */
export const usualPidsLimit = 4096;

const otherNetwork = {
  why: 'a network other than the usual one reaches what NetworkPolicy and the node keep apart',
  values: allBut(['bridge', 'default', 'none']),
};
const publishes = { why: 'it opens ports on the node', values: keys };

const risks: Risks = {
  user: safe,
  groupAdd: safe,
  workingDir: safe,
  hostname: safe,
  domainname: safe,
  labels: {
    why: 'the kubelet takes a container with such labels for one of its own',
    values: (labels) => keys(labels).filter((name) => /^(io\.kubernetes\.|annotation\.)/.test(name)),
  },
  stopSignal: safe,
  init: safe,
  platform: safe,
  healthcheck: safe,
  readOnly: safe,
  tmpfs: safe,
  shmSize: safe,
  volumesFrom: { why: 'it mounts the volumes of another container', values: all },
  volumeDriver: { why: 'it makes a plugin of the engine mount something', values: one },
  storageOpt: { why: "it changes how the node's disk is used", values: keys },
  memLimit: safe,
  memReservation: safe,
  memswapLimit: safe,
  memSwappiness: safe,
  nanoCpus: safe,
  cpuShares: safe,
  cpuPeriod: safe,
  cpuQuota: safe,
  cpuRtPeriod: safe,
  cpuRtRuntime: { why: 'real-time processes can hold up the node', values: (value) => [String(value)] },
  cpusetCpus: safe,
  cpusetMems: safe,
  blkioWeight: safe,
  blkioWeightDevice: safe,
  deviceReadBps: safe,
  deviceWriteBps: safe,
  deviceReadIops: safe,
  deviceWriteIops: safe,
  pidsLimit: {
    why: `more than ${usualPidsLimit} processes can use up those of the node`,
    values: (limit) => (limit > 0 && limit <= usualPidsLimit ? [] : [String(limit)]),
  },
  ulimits: {
    why: 'such processes can hold up the node',
    values: (ulimits) => ulimits.map(({ name }) => name).filter((name) => urgentLimits.includes(name)),
  },
  oomKillDisable: { why: 'it can hang the node when memory runs out', values: whenTrue },
  oomScoreAdj: {
    why: 'when memory runs out the kernel kills something else in its place',
    values: (score) => (score < 0 ? [String(score)] : []),
  },
  network: otherNetwork,
  networkMode: otherNetwork,
  networkDisabled: safe,
  macAddress: { why: 'it can take the place of another container on the network', values: one },
  dns: safe,
  dnsOpt: safe,
  dnsSearch: safe,
  extraHosts: safe,
  links: { why: 'it tells the addresses and variables of another container', values: keys },
  ports: publishes,
  publishAllPorts: { why: publishes.why, values: whenTrue },
  ipcMode: { why: 'it shares memory with others on the node', values: allBut(['private', 'none']) },
  pidMode: { why: 'it sees the processes of others on the node', values: one },
  utsMode: { why: "it takes the node's host name", values: one },
  usernsMode: { why: 'its root becomes root on the node', values: one },
  cgroupns: { why: 'it sees the cgroups of the node', values: allBut(['private']) },
  privileged: { why: 'it makes the target root on the node', values: whenTrue },
  capAdd: {
    why: 'it gives the target a right that can lead out of its container',
    values: normalCapabilities,
  },
  capDrop: safe,
  securityOpt: {
    why: 'it can turn off what holds the target',
    values: (options) => options.filter((option) => !/^no-new-privileges([=:]true)?$/.test(option)),
  },
  devices: {
    why: 'it gives the target a device of the node',
    values: (devices) => devices.map((device) => device.split(':')[0] ?? device),
  },
  deviceCgroupRules: { why: 'it gives the target devices of the node', values: all },
  deviceRequests: {
    why: 'it gives the target devices that the scheduler does not know of',
    values: (requests) => requests.map(requestedDevices),
  },
  sysctls: { why: 'it changes parameters of the kernel', values: keys },
  runtime: { why: 'a runtime decides how much holds the target', values: one },
  logConfig: {
    why: "the engine then writes the output to the node's disk or network, without an end",
    values: ({ type }) => (type === 'none' ? [] : [type]),
  },
};

/** Another driver than NVIDIA's means other devices, whatever capabilities the request names. */
function requestedDevices(request: NonNullable<DockerOptions['deviceRequests']>[number]): string {
  const { driver = '', deviceIds = [], capabilities = [] } = request;
  const wanted = capabilities.flat().join(',');
  return driver === '' || driver === 'nvidia' ? wanted : `${driver}:${deviceIds.join(',') || wanted}`;
}

/** Every option there is. */
export const dockerOptionNames = Object.keys(dockerOptions.properties) as DockerOption[];

/** Those options that some value makes dangerous: the ones a policy can allow. */
export const policyOptionNames = dockerOptionNames.filter((option) => risks[option] !== safe);

/** What of the options an operator must have allowed, each value with the reason why. */
export function dangerousOptions(options: DockerOptions): DangerousOption[] {
  return dockerOptionNames.flatMap((option) => dangerOf(option, options));
}

function dangerOf<Option extends DockerOption>(
  option: Option,
  options: { readonly [Name in Option]?: Given[Name] },
): DangerousOption[] {
  const value: Given[Option] | undefined = options[option];
  const { values, why }: Risk<Given[Option]> = risks[option];
  return value === undefined ? [] : values(value).map((dangerous) => ({ option, value: dangerous, why }));
}

/** Capabilities as the engine compares them: in capitals, without CAP_. */
export function normalCapabilities(names: readonly string[]): string[] {
  return names.map((name) => name.toUpperCase().replace(/^CAP_/, ''));
}
