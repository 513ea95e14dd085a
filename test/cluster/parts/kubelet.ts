import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expectHttpOk } from '../health.ts';
import { kubernetesBinaries } from '../install/go-binaries.ts';
import { layout } from '../layout.ts';
import { endpoints, nodeName, podBridge } from '../network.ts';
import { kubeconfigPath, writeKubeconfig } from '../setup/credentials.ts';
import { writePrivate } from '../setup/config-file.ts';
import type { Part } from '../supervise/part.ts';
import { addressOf } from '../supervise/port-check.ts';

const kubeconfig = kubeconfigPath('kubelet');
const configPath = join(layout.state, 'kubelet.json');
/** Where pods' logs lie. */
export const podLogs = join(layout.logs, 'pods');

const systemdResolverFile = '/run/systemd/resolve/resolv.conf';

/** What the nodes have in common. */
export const kubeletConfig = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: podBridge.address,
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  cgroupDriver: 'cgroupfs',
  failCgroupV1: false,
  failSwapOn: false,
  containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
  // systemd-resolved's stub on loopback is out of a pod's reach.
  resolvConf: existsSync(systemdResolverFile) ? systemdResolverFile : '/etc/resolv.conf',
  podLogsDir: podLogs,
  volumePluginDir: join(layout.kubeletRoot, 'volume-plugins'),
  containerLogMaxSize: '1Gi',
  // Images are made here and cannot be pulled again: they must not be collected, and a full disk is the owner's affair.
  imageGCHighThresholdPercent: 100,
  evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
  serializeImagePulls: false,
  syncFrequency: '5s',
  kubeAPIQPS: 100,
  kubeAPIBurst: 200,
  // 0 means 5, that of the client library: the Events of a busy suite then come minutes late.
  eventRecordQPS: 200,
  eventBurst: 400,
};

/** The node's agent; reachable only over the pod bridge, which is why it need not ask who calls. */
export const kubelet: Part = {
  name: 'kubelet',
  why: 'runs pods on this machine',
  after: ['kube-apiserver', 'containerd', 'images'],
  configure: () => {
    writeKubeconfig('kubelet');
    writePrivate(configPath, JSON.stringify(kubeletConfig, undefined, 2));
  },
  configFiles: [kubeconfig, configPath],
  clearStale: () => {
    mkdirSync(layout.kubeletRoot, { recursive: true });
  },
  listens: [addressOf(endpoints.kubeletHealth), addressOf(endpoints.kubeletApi)],
  command: () => ({
    command: join(kubernetesBinaries(), 'kubelet'),
    args: [
      `--config=${configPath}`,
      `--kubeconfig=${kubeconfig}`,
      `--root-dir=${layout.kubeletRoot}`,
      `--cert-dir=${join(layout.kubeletRoot, 'pki')}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${podBridge.address}`,
    ],
  }),
  checkHealth: (signal) => expectHttpOk(endpoints.kubeletHealth, signal),
  healthySeconds: 60,
  stopSeconds: 15,
};
