import { join } from 'node:path';
import { layout } from '../layout.ts';
import { secondNodeName } from '../network.ts';

/** The second node: its name, and addresses outside the ranges of the first one. */
export const node2 = {
  name: secondNodeName,
  address: '10.247.0.2',
  hostAddress: '10.247.0.1',
  prefix: 24,
  range: '10.247.0.0/24',
  /** Its share of the pods' range: the second, since the first node has the first. */
  pods: '10.244.1.0/24',
  podGateway: '10.244.1.1',
  dockerBridge: '10.248.0.1/24',
  /** Its engine also listens here, for `docker` on this machine; nothing else reaches that address. */
  dockerHost: 'tcp://10.247.0.2:2375',
  kubeletApi: 'https://10.247.0.2:10250',
  /** The two ends of the wire: this machine's, and the one that the node's kernel opens. */
  link: 'drnode2',
  kernelLink: 'drnode2-uml',
} as const;

/** Keeps everybody's pods away but those that tolerate it. */
export const node2Taint = {
  key: 'dockerrun.dev/test-node',
  value: node2.name,
  effect: 'NoSchedule',
} as const;

const state = join(layout.state, node2.name);

/** The files of the second node; all of them die with `node-down` and with `cluster-down`. */
export const node2Files = {
  state,
  /** What the node sees of this machine, at /host. */
  shared: join(state, 'shared'),
  /** Copied over the node's root at each of its starts. */
  overlay: join(state, 'shared', 'files'),
  programs: join(state, 'shared', 'programs'),
  images: join(state, 'shared', 'images'),
  key: join(state, 'key'),
  /** The control socket of its kernel. */
  control: join(layout.run, node2.name),
} as const;
