import { writeFileSync } from 'node:fs';
import { capture } from '../command.ts';
import { dockerBridge, podBridge } from '../network.ts';
import type { Snapshot } from './snapshot.ts';

/** Chains of the kubelet, kube-proxy, the CNI plugins and Docker, our comment, and the bridges' names and ranges. */
const ownFirewallLine =
  /(^:|\s)(KUBE-|CNI-|DOCKER)|dockerrun-cluster|drdocker0|\b10\.24[4567]\.\d+\.\d+|docker_gwbridge|\bbr-[0-9a-f]{12}\b/;

const ownLink = new RegExp(
  `^(${podBridge.name}|${dockerBridge.name}|br-[0-9a-f]{12}|docker_gwbridge|veth[0-9a-f]+|drnode2(-uml)?)$`,
);

/** A firewall dump without the cluster's rules and chains, for `iptables-restore`. */
export function withoutOwnRules(dump: string): string {
  return dump
    .split('\n')
    .filter((line) => !ownFirewallLine.test(line))
    .join('\n');
}

/** True for the name of a link that the cluster makes. */
export function isOwnLink(name: string): boolean {
  return ownLink.test(name);
}

async function cleanFirewall(program: string, signal: AbortSignal): Promise<void> {
  const dump = await capture(`${program}-save`, [], signal);
  const cleaned = withoutOwnRules(dump);
  if (cleaned !== dump) await capture(`${program}-restore`, ['-w', '30'], signal, { input: cleaned });
}

/** Removes the sets of addresses of kube-router, which a test that was killed left. */
async function removeAddressSets(signal: AbortSignal): Promise<void> {
  const names = await capture('ipset', ['list', '-name'], signal).catch(() => '');
  for (const name of names.split('\n').filter((line) => /^KUBE-(?:SRC|DST)-/.test(line)))
    await capture('ipset', ['destroy', name], signal);
}

/** Removes the cluster's links and firewall rules, and sets kernel settings back to what they were. */
export async function removeOwnNetwork(
  before: Snapshot | undefined,
  now: Snapshot,
  signal: AbortSignal,
): Promise<void> {
  for (const name of now.links.filter((link) => isOwnLink(link) && !before?.links.includes(link))) {
    // The other end of a pair goes with the first.
    await capture('ip', ['link', 'delete', name], signal).catch(() => undefined);
  }
  await cleanFirewall('iptables', signal);
  // A kernel without IPv6 has no such firewall.
  await cleanFirewall('ip6tables', signal).catch(() => undefined);
  await removeAddressSets(signal);
  for (const [path, value] of Object.entries(before?.sysctls ?? {})) writeFileSync(path, value);
}
