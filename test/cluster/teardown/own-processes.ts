import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { rabbitmqFiles } from '../install/rabbitmq-files.ts';
import { layout } from '../layout.ts';
import { secondNodeName } from '../network.ts';
import { allParts } from '../parts/all-parts.ts';
import { dockerCgroupParent } from '../parts/docker-engine.ts';
import { readLivePid } from '../supervise/pid-file.ts';

const killSeconds = 15;
const pollMillis = 100;

/** A process of the cluster, with its command line for people to read. */
export type OwnProcess = { pid: number; commandLine: string };

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** True for lines of /proc/<pid>/cgroup that lie under the kubelet's or this Docker Engine's parent. */
export function isInOwnCgroup(cgroups: string): boolean {
  return cgroups.split('\n').some((line) => {
    const top = line.split(':')[2]?.split('/')[1] ?? '';
    return top === 'kubepods' || top === dockerCgroupParent;
  });
}

function isShim(commandLine: string): boolean {
  return (
    commandLine.includes('containerd-shim') && commandLine.includes(` -address ${layout.containerdSocket}`)
  );
}

/** RabbitMQ replaces its script by Erlang, whose programs start others; all but shells are run from one directory. */
function isErlang(commandLine: string): boolean {
  return commandLine.startsWith(`${rabbitmqFiles()}/`);
}

function allProcesses(): (OwnProcess & { inOwnCgroup: boolean })[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return pids.flatMap((pid) => {
    const commandLine = read(pid, 'cmdline').replaceAll('\0', ' ').trim();
    const isZombie = commandLine === '';
    return isZombie ? [] : [{ pid, commandLine, inOwnCgroup: isInOwnCgroup(read(pid, 'cgroup')) }];
  });
}

/** Every live process of the cluster: its parts, the containers' shims, and all in the containers' cgroups. */
export function ownProcesses(): OwnProcess[] {
  const recorded = new Set(
    [...allParts.map(({ name }) => name), secondNodeName].map((name) => readLivePid(name)?.pid),
  );
  // A part whose pid file is lost is still known by its exact command.
  const commands = allParts
    .map((part) => part.command())
    .map(({ command, args }) => `${command} ${args.join(' ')}`);
  return allProcesses().filter(
    ({ pid, commandLine, inOwnCgroup }) =>
      inOwnCgroup ||
      recorded.has(pid) ||
      isShim(commandLine) ||
      isErlang(commandLine) ||
      commands.some((command) => commandLine.endsWith(command)),
  );
}

/** SIGKILLs a process that may be gone already. */
export function sendKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone since the look.
  }
}

/** SIGKILLs what runs in pods and Docker containers now. */
export function killContainers(): void {
  for (const { pid, inOwnCgroup } of allProcesses()) if (inOwnCgroup) sendKill(pid);
}

/** SIGKILLs what is left after the parts were stopped; rejects with a list when something survives. */
export async function killOwnProcesses(signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + killSeconds * 1000;
  for (;;) {
    const left = ownProcesses();
    if (left.length === 0) return;
    if (Date.now() > deadline) {
      const list = left.map(({ pid, commandLine }) => `${pid} ${commandLine.slice(0, 100)}`).join('\n');
      throw new Error(`these processes survive SIGKILL; reboot the machine:\n${list}`);
    }
    for (const { pid } of left) sendKill(pid);
    await sleep(pollMillis, undefined, { signal });
  }
}
