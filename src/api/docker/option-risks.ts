import {
  allBut,
  below,
  type DangerousParts,
  each,
  eachBeforeColon,
  eachDeviceRequest,
  itself,
  keys,
  keysMatching,
  namesAmong,
  normalizedCapabilities,
  noParts,
  notUpTo,
  number,
  typeOtherThan,
  notMatching,
  whenTrue,
} from './risk-kinds.ts';
import { type DockerOptions, dockerOptions } from './options.ts';

export type DockerOption = keyof DockerOptions;

/** A value of an option that reaches beyond the target's container, so that the policy must allow it. */
export type DangerousOption = { readonly option: DockerOption; readonly value: string; readonly why: string };

type Risk<Value> = { readonly why: string; readonly parts: DangerousParts<Value> };

type Given = { [Option in DockerOption]-?: NonNullable<DockerOptions[Option]> };
type Risks = { readonly [Option in DockerOption]: Risk<Given[Option]> };

/** An option that affects only the container, or only restricts it. */
const safe: Risk<unknown> = { why: '', parts: noParts };

/** Limits of scheduling priority, which can starve the other processes of the node. */
const urgentLimits = ['nice', 'rtprio', 'rttime'];

/** The default limit of processes of a target; the policy must allow more. */
export const defaultPidsLimit = 4096;

/**
 * The greatest value, with which the kernel kills the target before the worker and the node's other processes; the
 * policy must allow a smaller one. A pod of a run always has requests, so its worker has less
 * (https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-out-of-memory-behavior).
 */
export const defaultOomScoreAdj = 1000;

const otherNetwork = {
  why: 'a network other than the default can bypass NetworkPolicy and the isolation of the node',
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
    why: 'the kubelet treats a container with such labels as one of its own',
    parts: keysMatching(/^(io\.kubernetes\.|annotation\.)/),
  },
  stopSignal: safe,
  init: safe,
  platform: safe,
  healthcheck: safe,
  readOnly: safe,
  tmpfs: safe,
  shmSize: safe,
  volumesFrom: { why: 'it mounts the volumes of another container', parts: each },
  volumeDriver: { why: 'it lets a plugin of the engine mount data of its own choice', parts: itself },
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
  cpuRtRuntime: { why: 'real-time processes can block the node', parts: number },
  cpusetCpus: safe,
  cpusetMems: safe,
  blkioWeight: safe,
  blkioWeightDevice: safe,
  deviceReadBps: safe,
  deviceWriteBps: safe,
  deviceReadIops: safe,
  deviceWriteIops: safe,
  pidsLimit: {
    why: `more than ${defaultPidsLimit} processes can exhaust the process IDs of the node`,
    parts: notUpTo(defaultPidsLimit),
  },
  ulimits: {
    why: 'processes of such a priority can block the node',
    parts: namesAmong(urgentLimits),
  },
  oomKillDisable: { why: 'it can hang the node when memory runs out', parts: whenTrue },
  oomScoreAdj: {
    why: 'the kernel then kills other processes of the node first when memory runs out',
    parts: below(defaultOomScoreAdj),
  },
  network: otherNetwork,
  networkMode: otherNetwork,
  networkDisabled: safe,
  macAddress: { why: 'it can impersonate another container on the network', parts: itself },
  dns: safe,
  dnsOpt: safe,
  dnsSearch: safe,
  extraHosts: safe,
  links: { why: 'it exposes the address and environment of another container', parts: keys },
  ports: publishes,
  publishAllPorts: { why: publishes.why, parts: whenTrue },
  ipcMode: { why: 'it shares memory with other processes of the node', parts: allBut(['private', 'none']) },
  pidMode: { why: 'it exposes other processes of the node', parts: itself },
  utsMode: { why: 'it shares the host name of the node', parts: itself },
  usernsMode: { why: 'root in the container is then root on the node', parts: itself },
  cgroupns: { why: 'it exposes the cgroups of the node', parts: allBut(['private']) },
  privileged: { why: 'it makes the target root on the node', parts: whenTrue },
  capAdd: {
    why: 'such a capability can let the target escape from its container',
    parts: normalizedCapabilities,
  },
  capDrop: safe,
  securityOpt: {
    why: 'it can turn off the isolation of the target',
    parts: notMatching(/^no-new-privileges([=:]true)?$/),
  },
  devices: {
    why: 'it gives the target access to a device of the node',
    parts: eachBeforeColon,
  },
  deviceCgroupRules: { why: 'it gives the target access to devices of the node', parts: each },
  deviceRequests: {
    why: 'it gives the target devices that the scheduler does not account for',
    parts: eachDeviceRequest,
  },
  sysctls: { why: 'it changes kernel parameters', parts: keys },
  runtime: { why: 'the runtime determines how well the target is isolated', parts: itself },
  logConfig: {
    why: "the engine then writes the output without a limit to the node's disk or network",
    parts: typeOtherThan('none'),
  },
};

export const dockerOptionNames = Object.keys(dockerOptions.properties) as DockerOption[];

/** The options that a policy can allow: those with at least one dangerous value. */
export const policyOptionNames = dockerOptionNames.filter((option) => risks[option] !== safe);

/** The values that the policy must allow, each with the reason why. */
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
