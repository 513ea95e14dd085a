import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { capture } from '../command.ts';
import { neededSysctls } from '../setup/network.ts';

/** The parts of the machine's state that a cluster changes. */
export type Snapshot = {
  links: string[];
  namespaces: string[];
  /** Rules and chains as `iptables-save` writes them, without counters. */
  firewall: string[];
  sysctls: Record<string, string>;
};

async function linkNames(signal: AbortSignal): Promise<string[]> {
  const lines = await capture('ip', ['-o', 'link', 'show'], signal);
  return lines
    .split('\n')
    .map((line) => line.split(': ')[1]?.split('@')[0] ?? '')
    .filter((name) => name !== '');
}

/** The lines of a firewall dump, without comments, empty built-in chains and counters. */
export function firewallLines(family: string, dump: string): string[] {
  let table = '';
  const lines: string[] = [];
  for (const line of dump.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    if (line.startsWith('-A')) lines.push(`${family} ${table} ${line}`);
    if (line.startsWith(':') && line.split(' ')[1] === '-')
      lines.push(`${family} ${table} ${line.split(' ')[0]}`);
  }
  return lines.sort();
}

/** Without IPv6 in the kernel there is nothing to save. */
function saveIpv6(signal: AbortSignal): Promise<string> {
  return capture('ip6tables-save', [], signal).catch(() => '');
}

async function firewall(signal: AbortSignal): Promise<string[]> {
  const [v4, v6] = await Promise.all([capture('iptables-save', [], signal), saveIpv6(signal)]);
  return [...firewallLines('ipv4', v4), ...firewallLines('ipv6', v6)];
}

/** Looks at the machine as it is now. */
export async function takeSnapshot(signal: AbortSignal): Promise<Snapshot> {
  const namespaces = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  const sysctls: Record<string, string> = {};
  for (const path of Object.keys(neededSysctls).filter((name) => existsSync(name)))
    sysctls[path] = readFileSync(path, 'utf8').trim();
  const [links, rules] = await Promise.all([linkNames(signal), firewall(signal)]);
  return { links, namespaces, firewall: rules, sysctls };
}
