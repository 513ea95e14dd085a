import { accessSync, constants, existsSync, readFileSync, readdirSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { layout } from './layout.ts';
import { allParts } from './parts/all-parts.ts';
import { readLivePid } from './supervise/pid-file.ts';

const neededGiB = 10;
const bytesPerGiB = 2 ** 30;
const neededCapabilities = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21 };

/** One thing the machine must offer; `problem` is the sentence for who lacks it, or undefined. */
type Requirement = () => string | undefined;

const isLinux: Requirement = () =>
  process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)
    ? undefined
    : `the cluster runs on Linux x86_64 or arm64 only, and this is ${process.platform} ${process.arch}: use a virtual machine`;

const isRoot: Requirement = () =>
  process.getuid?.() === 0
    ? undefined
    : 'the cluster mounts file systems and makes network devices, so it needs root: run it with sudo';

/** Root inside an unprivileged container has neither of these. */
const hasCapabilities: Requirement = () => {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const missing = Object.entries(neededCapabilities)
    .filter(([, bit]) => ((BigInt(`0x${effective}`) >> BigInt(bit)) & 1n) === 0n)
    .map(([name]) => name);
  return missing.length === 0
    ? undefined
    : `root lacks ${missing.join(' and ')} here, so it cannot mount or make bridges: use a virtual machine or a container with --privileged`;
};

const hasApt: Requirement = () =>
  existsSync('/usr/bin/apt-get')
    ? undefined
    : 'the cluster installs Debian packages and finds no apt-get: use Debian 12 or newer, or Ubuntu 24.04 or newer';

const canWriteCgroups: Requirement = () => {
  const root = existsSync('/sys/fs/cgroup/memory') ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
  try {
    accessSync(root, constants.W_OK);
    if (!readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${root} rw`))
      throw new Error('mounted read-only');
    return undefined;
  } catch {
    return `${root} is not writable, so no container can be limited: give this machine a writable cgroup file system (a container needs --privileged --cgroupns=host)`;
  }
};

/** The directory itself, or the nearest one above it that exists. */
export function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}

/** Only before the cluster is up: what it needs it has taken then. */
const hasDisk: Requirement = () => {
  if (allParts.some(({ name }) => readLivePid(name) !== undefined)) return undefined;
  const place = nearestExisting(layout.state);
  const { bavail, bsize } = statfsSync(place);
  const free = (bavail * bsize) / bytesPerGiB;
  return free >= neededGiB
    ? undefined
    : `${place} has ${free.toFixed(1)} GiB free and the cluster needs ${neededGiB}: free some, or name another place with DOCKERRUN_CLUSTER_STATE`;
};

function commandLines(): { pid: string; args: string[] }[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      return [{ pid, args: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0') }];
    } catch {
      return [];
    }
  });
}

const hasNoOtherDocker: Requirement = () => {
  const other = commandLines().find(
    ({ args }) =>
      args[0]?.endsWith('dockerd') === true &&
      !args.includes('--iptables=false') &&
      !args.includes(`--host=unix://${layout.dockerSocket}`),
  );
  return other === undefined
    ? undefined
    : `another Docker Engine runs (process ${other.pid}), and two of them rewrite each other's firewall chains: stop it with 'systemctl stop docker.socket docker'`;
};

/** In this order, since a later one may make no sense when an earlier one fails. */
const toTakeDown: readonly Requirement[] = [isLinux, isRoot, hasCapabilities];
const toBringUp: readonly Requirement[] = [...toTakeDown, hasApt, canWriteCgroups, hasDisk, hasNoOtherDocker];

/** Throws one clear sentence when this machine cannot carry the cluster. */
export function checkCanBringUp(): void {
  check(toBringUp);
}

/** Throws one clear sentence when nothing can be removed here; what only `up` needs may be missing. */
export function checkCanTakeDown(): void {
  check(toTakeDown);
}

function check(requirements: readonly Requirement[]): void {
  for (const requirement of requirements) {
    const problem = requirement();
    if (problem !== undefined) throw new Error(problem);
  }
}
