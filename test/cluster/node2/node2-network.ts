import { capture } from '../command.ts';
import { ensureForwarding, removeForwarding } from '../setup/network.ts';
import type { Step } from '../steps.ts';
import { node2 } from './node2-layout.ts';

async function hasLink(name: string, signal: AbortSignal): Promise<boolean> {
  const links: unknown = JSON.parse(await capture('ip', ['-j', 'link', 'show'], signal));
  return Array.isArray(links) && links.some((link: { ifname?: unknown }) => link.ifname === name);
}

/** A wire to the node, whose kernel opens the other end, and the way to its pods. */
export const node2NetworkStep: Step = {
  name: 'node network',
  after: [],
  run: async (signal) => {
    if (!(await hasLink(node2.link, signal))) {
      const pair = ['link', 'add', node2.link, 'type', 'veth', 'peer', 'name', node2.kernelLink];
      await capture('ip', pair, signal);
    }
    const address = `${node2.hostAddress}/${node2.prefix}`;
    await capture('ip', ['address', 'replace', address, 'dev', node2.link], signal);
    for (const name of [node2.link, node2.kernelLink]) {
      await capture('ip', ['link', 'set', name, 'up'], signal);
    }
    await capture('ip', ['route', 'replace', node2.pods, 'via', node2.address], signal);
    await ensureForwarding(node2.range, signal);
  },
};

/** Removes the wire; the addresses and the route go with it. */
export async function removeNode2Network(signal: AbortSignal): Promise<void> {
  if (await hasLink(node2.link, signal)) await capture('ip', ['link', 'delete', node2.link], signal);
  await removeForwarding(node2.range, signal);
}
