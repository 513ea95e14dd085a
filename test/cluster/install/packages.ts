import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { capture, runLogged } from '../command.ts';
import { printLine } from '../progress.ts';
import type { Step } from '../steps.ts';
import { systemPath } from '../supervise/environment.ts';
import { removeServicePolicy, withoutServices } from './service-policy.ts';

/** A Debian package; `program` shows that something else (Docker's own packages, a JDK) already provides it. */
export type Package = { name: string; why: string; program?: string; onlyWhereItExists?: boolean };

/** Everything the cluster takes from Debian, and what for. */
const neededPackages: readonly Package[] = [
  { name: 'containerd', program: 'containerd', why: 'runs the containers of pods and of Docker Engine' },
  { name: 'runc', program: 'runc', why: 'starts containers for containerd' },
  { name: 'docker.io', program: 'dockerd', why: 'Docker Engine, on which DockerRuns run' },
  { name: 'docker-cli', program: 'docker', why: 'loads images', onlyWhereItExists: true },
  { name: 'containernetworking-plugins', why: 'gives pods their network' },
  { name: 'iptables', program: 'iptables', why: 'services’ and containers’ addresses' },
  {
    name: 'conntrack',
    program: 'conntrack',
    why: 'kube-proxy forgets connections of services that are gone',
  },
  { name: 'ipset', program: 'ipset', why: 'kube-router keeps the addresses of NetworkPolicies in sets' },
  { name: 'ebtables', program: 'ebtables', why: 'the kubelet looks for it' },
  { name: 'ethtool', program: 'ethtool', why: 'the kubelet looks for it' },
  { name: 'socat', program: 'socat', why: 'kubectl port-forward' },
  { name: 'iproute2', program: 'ip', why: 'makes the bridges' },
  { name: 'busybox-static', why: 'the pause image and a small test image are made of it' },
  {
    name: 'docker-registry',
    program: 'docker-registry',
    why: 'tests start it, to pull from it with passwords',
  },
  { name: 'nginx-light', program: 'nginx', why: 'tests upload through it, as a proxy in front of Girder' },
  { name: 'prometheus', program: 'promtool', why: 'tests check metrics and alerts with its own tools' },
  { name: 'chromium', program: 'chromium', why: 'tests open the page of dockerrun ui with it' },
  { name: 'zsh', program: 'zsh', why: 'tests run the completion of dockerrun in it' },
  { name: 'fish', program: 'fish', why: 'tests run the completion of dockerrun in it' },
  { name: 'debootstrap', program: 'debootstrap', why: 'image builds make their base system with it' },
  { name: 'python3-venv', why: 'Girder is a Python program' },
  { name: 'default-jdk-headless', program: 'javac', why: 'Girder’s database server is a Java program' },
  { name: 'maven', program: 'mvn', why: 'fetches that server’s libraries' },
];

const installSeconds = 1800;

async function isInstalled({ name, program }: Package, signal: AbortSignal): Promise<boolean> {
  if (program !== undefined && systemPath.some((directory) => existsSync(join(directory, program))))
    return true;
  try {
    return (await capture('dpkg-query', ['-W', '-f=${db:Status-Status}', name], signal)) === 'installed';
  } catch {
    return false;
  }
}

async function findMissing(needed: readonly Package[], signal: AbortSignal): Promise<Package[]> {
  const installed = await Promise.all(needed.map((wanted) => isInstalled(wanted, signal)));
  return needed.filter((_, index) => !installed[index]);
}

/** Debian 12 has the docker command inside docker.io, later releases apart. */
async function exists({ name, onlyWhereItExists = false }: Package, signal: AbortSignal): Promise<boolean> {
  if (!onlyWhereItExists) return true;
  try {
    return (await capture('apt-cache', ['show', name], signal)) !== '';
  } catch {
    return false;
  }
}

async function install(missing: readonly Package[], signal: AbortSignal): Promise<void> {
  const options = {
    signal,
    seconds: installSeconds,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  };
  // What a power cut left half configured makes apt refuse everything.
  if ((await capture('dpkg', ['--audit'], signal)) !== '') {
    await runLogged('dpkg-configure', ['dpkg', '--configure', '-a'], options);
  }
  await runLogged('apt-update', ['apt-get', 'update'], options);
  const offered = await Promise.all(missing.map((wanted) => exists(wanted, signal)));
  const names = missing.filter((_, index) => offered[index]).map(({ name }) => name);
  const flags = ['install', '-y', '--no-install-recommends'];
  await runLogged('apt-install', ['apt-get', ...flags, ...names], options);
}

/** Installs those of the packages that are missing, after saying what and why. */
export async function installMissing(needed: readonly Package[], signal: AbortSignal): Promise<void> {
  const missing = await findMissing(needed, signal);
  if (missing.length === 0) return;
  for (const { name, why } of missing) printLine(`will install ${name}: ${why}`);
  await withoutServices(() => install(missing, signal));
  printLine('packages: installed');
}

/** Installs what the cluster needs from Debian. */
export const packagesStep: Step = {
  name: 'packages',
  after: [],
  run: async (signal) => {
    removeServicePolicy();
    await installMissing(neededPackages, signal);
  },
};
