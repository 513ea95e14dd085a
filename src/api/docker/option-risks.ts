import {
  allBut,
  type DangerousParts,
  each,
  eachBeforeColon,
  eachDeviceRequest,
  itself,
  keys,
  keysLike,
  namesAmong,
  negative,
  normalCapabilities,
  nothing,
  notUpTo,
  number,
  typeOtherThan,
  unlike,
  whenTrue,
} from './risk-kinds.ts';
import { type DockerOptions, dockerOptions } from './options.ts';

/** Every option of `spec.docker`. */
export type DockerOption = keyof DockerOptions;

/** A value of an option that reaches beyond the target's own container, and how; it needs the operator's leave. */
export type DangerousOption = { readonly option: DockerOption; readonly value: string; readonly why: string };

type Risk<Value> = { readonly why: string; readonly parts: DangerousParts<Value> };

type Given = { [Option in DockerOption]-?: NonNullable<DockerOptions[Option]> };
type Risks = { readonly [Option in DockerOption]: Risk<Given[Option]> };

/** An option that reaches nothing outside of the container, or only takes something away from it. */
const safe: Risk<unknown> = { why: '', parts: nothing };

/** Scheduling classes that can keep the node's other processes from running. */
const urgentLimits = ['nice', 'rtprio', 'rttime'];

/** The processes a target has without asking; the controller's policy decides about more. */
export const usualPidsLimit = 4096;

const otherNetwork = {
  why: 'a network other than the usual one reaches what NetworkPolicy and the node keep apart',
  parts: allBut(['bridge', 'default', 'none']),
};
const publishes = { why: 'it opens ports on the node', parts: keys };

const risks: Risks = {
  user: safe,
  groupAdd: safe,
  workingDir: safe,
  hostname: safe,
  domainname: safe,
  labels: {
    why: 'the kubelet takes a container with such labels for one of its own',
    parts: keysLike(/^(io\.kubernetes\.|annotation\.)/),
  },
  stopSignal: safe,
  init: safe,
  platform: safe,
  healthcheck: safe,
  readOnly: safe,
  tmpfs: safe,
  shmSize: safe,
  volumesFrom: { why: 'it mounts the volumes of another container', parts: each },
  volumeDriver: { why: 'it makes a plugin of the engine mount something', parts: itself },
  storageOpt: { why: "it changes how the node's disk is used", parts: keys },
  memLimit: safe,
  memReservation: safe,
  memswapLimit: safe,
  memSwappiness: safe,
  nanoCpus: safe,
  cpuShares: safe,
  cpuPeriod: safe,
  cpuQuota: safe,
  cpuRtPeriod: safe,
  cpuRtRuntime: { why: 'real-time processes can hold up the node', parts: number },
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
    parts: notUpTo(usualPidsLimit),
  },
  ulimits: {
    why: 'such processes can hold up the node',
    parts: namesAmong(urgentLimits),
  },
  oomKillDisable: { why: 'it can hang the node when memory runs out', parts: whenTrue },
  oomScoreAdj: {
    why: 'when memory runs out the kernel kills something else in its place',
    parts: negative,
  },
  network: otherNetwork,
  networkMode: otherNetwork,
  networkDisabled: safe,
  macAddress: { why: 'it can take the place of another container on the network', parts: itself },
  dns: safe,
  dnsOpt: safe,
  dnsSearch: safe,
  extraHosts: safe,
  links: { why: 'it tells the addresses and variables of another container', parts: keys },
  ports: publishes,
  publishAllPorts: { why: publishes.why, parts: whenTrue },
  ipcMode: { why: 'it shares memory with others on the node', parts: allBut(['private', 'none']) },
  pidMode: { why: 'it sees the processes of others on the node', parts: itself },
  utsMode: { why: "it takes the node's host name", parts: itself },
  usernsMode: { why: 'its root becomes root on the node', parts: itself },
  cgroupns: { why: 'it sees the cgroups of the node', parts: allBut(['private']) },
  privileged: { why: 'it makes the target root on the node', parts: whenTrue },
  capAdd: {
    why: 'it gives the target a right that can lead out of its container',
    parts: normalCapabilities,
  },
  capDrop: safe,
  securityOpt: {
    why: 'it can turn off what holds the target',
    parts: unlike(/^no-new-privileges([=:]true)?$/),
  },
  devices: {
    why: 'it gives the target a device of the node',
    parts: eachBeforeColon,
  },
  deviceCgroupRules: { why: 'it gives the target devices of the node', parts: each },
  deviceRequests: {
    why: 'it gives the target devices that the scheduler does not know of',
    parts: eachDeviceRequest,
  },
  sysctls: { why: 'it changes parameters of the kernel', parts: keys },
  runtime: { why: 'a runtime decides how much holds the target', parts: itself },
  logConfig: {
    why: "the engine then writes the output to the node's disk or network, without an end",
    parts: typeOtherThan('none'),
  },
};

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
  const { parts, why }: Risk<Given[Option]> = risks[option];
  return value === undefined ? [] : parts(value).map((dangerous) => ({ option, value: dangerous, why }));
}
