import { join } from 'node:path';
import { layout } from '../layout.ts';
import { podBridge, ranges } from '../network.ts';
import { writePrivate } from '../setup/config-file.ts';

/** Where containerd looks for the pod network. */
export const cniConfigDir = join(layout.state, 'cni', 'config');

/** The pod network's name, which the CNI plugins write into their firewall rules' comments. */
export const cniNetworkName = 'dockerrun-cluster';

/** Writes the pod network: one bridge, addresses from the node's range, host ports. */
export function writeCniConfig(): void {
  const config = {
    cniVersion: '0.4.0',
    name: cniNetworkName,
    plugins: [
      {
        type: 'bridge',
        bridge: podBridge.name,
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: join(layout.state, 'cni', 'addresses'),
          ranges: [[{ subnet: ranges.nodePods, gateway: podBridge.address }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
  writePrivate(join(cniConfigDir, '10-pods.conflist'), JSON.stringify(config, undefined, 2));
}
