import { join } from 'node:path';
import { expectHttpOk } from '../health.ts';
import { kubernetesBinaries } from '../install/go-binaries.ts';
import { endpoints, nodeName, ranges } from '../network.ts';
import { kubeconfigPath, writeKubeconfig } from '../setup/credentials.ts';
import type { Part } from '../supervise/part.ts';
import { addressOf } from '../supervise/port-check.ts';

const kubeconfig = kubeconfigPath('kube-proxy');

/** Makes services' addresses work; leaves the machine's connection-tracking limits as they are. */
export const kubeProxy: Part = {
  name: 'kube-proxy',
  why: 'makes services’ addresses work',
  after: ['kubelet'],
  configure: () => writeKubeconfig('kube-proxy'),
  configFiles: [kubeconfig],
  listens: [addressOf(endpoints.kubeProxyHealth), addressOf(endpoints.kubeProxyMetrics)],
  command: () => ({
    command: join(kubernetesBinaries(), 'kube-proxy'),
    args: [
      `--kubeconfig=${kubeconfig}`,
      '--proxy-mode=iptables',
      `--cluster-cidr=${ranges.pods}`,
      `--hostname-override=${nodeName}`,
      `--healthz-bind-address=${new URL(endpoints.kubeProxyHealth).host}`,
      `--metrics-bind-address=${new URL(endpoints.kubeProxyMetrics).host}`,
      '--conntrack-max-per-core=0',
      '--conntrack-tcp-timeout-established=0',
      '--conntrack-tcp-timeout-close-wait=0',
    ],
  }),
  checkHealth: (signal) => expectHttpOk(endpoints.kubeProxyHealth, signal),
  healthySeconds: 60,
  stopSeconds: 10,
};
