import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { capture } from '../command.ts';
import { dockerBridge, podBridge, ranges } from '../network.ts';
import type { Step } from '../steps.ts';

/** Kernel settings that pods and containers need, with the value each must have. */
export const neededSysctls: Readonly<Record<string, string>> = {
  '/proc/sys/net/ipv4/ip_forward': '1',
  '/proc/sys/net/bridge/bridge-nf-call-iptables': '1',
};

/** Marks the firewall rules made here, so that `down` finds them. */
const firewallComment = 'dockerrun-cluster';

/**
 * A bridge without an address of its own takes the lowest of its ports', so that it changes as pods come and go, and
 * what they send to the old one is lost until they ask again: seconds. CNI's plugin and Docker set one only on bridges
 * that they make themselves. The form is CNI's: 0a:58 and the IPv4 address.
 */
function hardwareAddress(address: string): string {
  const octets = address.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'));
  return ['0a', '58', ...octets].join(':');
}

async function ensureBridge(
  bridge: { name: string; address: string; prefix: number },
  signal: AbortSignal,
): Promise<void> {
  const links = await capture('ip', ['-j', 'link', 'show', 'type', 'bridge'], signal);
  if (!links.includes(`"${bridge.name}"`)) {
    await capture('ip', ['link', 'add', bridge.name, 'type', 'bridge'], signal);
  }
  await capture('ip', ['link', 'set', bridge.name, 'address', hardwareAddress(bridge.address)], signal);
  await capture(
    'ip',
    ['address', 'replace', `${bridge.address}/${bridge.prefix}`, 'dev', bridge.name],
    signal,
  );
  await capture('ip', ['link', 'set', bridge.name, 'up'], signal);
}

function forwardingRules(range: string): string[][] {
  return ['-s', '-d'].map((direction) => {
    return ['FORWARD', direction, range, '-m', 'comment', '--comment', firewallComment, '-j', 'ACCEPT'];
  });
}

async function hasRule(rule: readonly string[], signal: AbortSignal): Promise<boolean> {
  try {
    await capture('iptables', ['-w', '-C', ...rule], signal);
    return true;
  } catch {
    return false;
  }
}

/** Lets what comes from a range, or goes there, through a closed firewall. */
export async function ensureForwarding(range: string, signal: AbortSignal): Promise<void> {
  for (const rule of forwardingRules(range)) {
    if (!(await hasRule(rule, signal))) await capture('iptables', ['-w', '-I', ...rule], signal);
  }
}

/** Takes those rules back. */
export async function removeForwarding(range: string, signal: AbortSignal): Promise<void> {
  for (const rule of forwardingRules(range)) {
    if (await hasRule(rule, signal)) await capture('iptables', ['-w', '-D', ...rule], signal);
  }
}

async function ensureSysctls(signal: AbortSignal): Promise<void> {
  // Where they are built into the kernel, or modprobe is missing, the files below decide.
  await capture('modprobe', ['-a', 'br_netfilter', 'overlay'], signal).catch(() => undefined);
  for (const [path, value] of Object.entries(neededSysctls)) {
    if (!existsSync(path)) throw new Error(`the kernel offers no ${path}: load its module (br_netfilter)`);
    if (readFileSync(path, 'utf8').trim() !== value) writeFileSync(path, value);
  }
}

/** Makes the bridges before anything binds their addresses, and lets pods and containers through a closed firewall. */
export const networkStep: Step = {
  name: 'network',
  after: ['packages', 'baseline'],
  run: async (signal) => {
    await ensureSysctls(signal);
    await ensureBridge(podBridge, signal);
    await ensureBridge(dockerBridge, signal);
    await ensureForwarding(ranges.pods, signal);
    await ensureForwarding(ranges.dockerBridge, signal);
  },
};
