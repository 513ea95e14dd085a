import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { capture, runLogged } from '../command.ts';
import { say } from '../progress.ts';
import type { Step } from '../steps.ts';

/** Debian packages the cluster needs, and what for. */
const needed: Readonly<Record<string, string>> = {
  containerd: 'runs the containers of pods and of Docker Engine',
  'docker.io': 'Docker Engine, on which DockerRuns run',
  runc: 'starts containers for containerd',
  'containernetworking-plugins': 'gives pods their network',
  iptables: 'services’ and containers’ addresses',
  conntrack: 'kube-proxy forgets connections of services that are gone',
  ebtables: 'the kubelet looks for it',
  ethtool: 'the kubelet looks for it',
  socat: 'kubectl port-forward',
  iproute2: 'makes the bridges',
  'busybox-static': 'the pause image and a small test image are made of it',
  debootstrap: 'image builds make their base system with it',
  'python3-venv': 'Girder is a Python program',
  'openjdk-17-jdk-headless': 'Girder’s database server is a Java program',
  maven: 'fetches that server’s libraries',
};

const policyPath = '/usr/sbin/policy-rc.d';
const installSeconds = 1800;
const dontStartServices = '#!/bin/sh\nexit 101\n';

async function isInstalled(name: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await capture('dpkg-query', ['-W', '-f=${db:Status-Status}', name], signal)) === 'installed';
  } catch {
    return false;
  }
}

/** Keeps docker.io and containerd from starting services of their own, which would fight the cluster's over the firewall. */
async function withoutServices(work: () => Promise<void>): Promise<void> {
  const ours = !existsSync(policyPath);
  if (ours) writeFileSync(policyPath, dontStartServices, { mode: 0o755 });
  try {
    await work();
  } finally {
    if (ours) rmSync(policyPath);
  }
}

/** Installs what is missing, after saying what and why. */
export const packagesStep: Step = {
  name: 'packages',
  after: [],
  run: async (signal) => {
    const names = Object.keys(needed);
    const installed = await Promise.all(names.map((name) => isInstalled(name, signal)));
    const missing = names.filter((_, index) => !installed[index]);
    if (missing.length === 0) return;
    for (const name of missing) say(`installing ${name}: ${needed[name]}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = { env, seconds: installSeconds };
    await withoutServices(async () => {
      await runLogged('apt-update', 'apt-get', ['update'], signal, options);
      const install = ['install', '-y', '--no-install-recommends', ...missing];
      await runLogged('apt-install', 'apt-get', install, signal, options);
    });
  },
};
