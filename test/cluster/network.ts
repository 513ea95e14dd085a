/** The pods' bridge: its address is what the API server advertises and Girder binds, so host, pods and containers reach both. */
export const podBridge = { name: 'cni0', address: '10.244.0.1', prefix: 24 } as const;

/** Docker Engine's bridge, with a name and range of its own so that no other `docker0` clashes. */
export const dockerBridge = { name: 'drdocker0', address: '10.245.0.1', prefix: 24 } as const;

/** Address ranges; the node's share of `podCidr` is the bridge's own /24, the first that is handed out. */
export const ranges = {
  pods: '10.244.0.0/16',
  nodePods: '10.244.0.0/24',
  services: '10.96.0.0/16',
  dockerBridge: '10.245.0.0/24',
  dockerNetworks: '10.246.0.0/16',
} as const;

/** Where each part listens; everything without a reason to be reachable from pods stays on loopback. */
export const endpoints = {
  etcd: 'http://127.0.0.1:23790',
  etcdPeer: 'http://127.0.0.1:23800',
  mongo: { host: '127.0.0.1', port: 27019 },
  apiServer: `https://${podBridge.address}:6443`,
  girder: `http://${podBridge.address}:8080`,
  broker: { host: podBridge.address, port: 5672 },
  brokerManagement: 'http://127.0.0.1:15673',
  brokerDistribution: { host: '127.0.0.1', port: 25673 },
  erlangNames: { host: '127.0.0.1', port: 4370 },
  controllerManagerHealth: 'https://127.0.0.1:10257/healthz',
  schedulerHealth: 'https://127.0.0.1:10259/healthz',
  kubeletHealth: 'http://127.0.0.1:10248/healthz',
  kubeletApi: `https://${podBridge.address}:10250`,
  kubeProxyHealth: 'http://127.0.0.1:10256/healthz',
  kubeProxyMetrics: 'http://127.0.0.1:10249',
} as const;

/** The name of the node that always is there. */
export const nodeName = 'node-1';

/** The node that `make node-up` adds. */
export const secondNodeName = 'node-2';
