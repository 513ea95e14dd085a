import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { kubernetesBinaries, nextEngineBinaries } from '../install/go-binaries.ts';
import { layout } from '../layout.ts';
import { endpoints, ranges } from '../network.ts';
import { kubeletConfig } from '../parts/kubelet.ts';
import { writePrivate } from '../setup/config-file.ts';
import { kubeconfigPath, writeKubeconfig } from '../setup/credentials.ts';
import { pauseImage } from '../setup/image-names.ts';
import type { EngineChoice } from './engines.ts';
import { node2, node2Files, node2Taint } from './node2-layout.ts';

const onNode = {
  programs: '/host/programs',
  kubeletConfig: '/etc/kubernetes/kubelet.json',
  kubeletKubeconfig: '/etc/kubernetes/kubelet.kubeconfig',
  proxyKubeconfig: '/etc/kubernetes/kube-proxy.kubeconfig',
} as const;

function programsOf({ next }: EngineChoice): string[] {
  const ofKubernetes = ['kubelet', 'kube-proxy'].map((name) => join(kubernetesBinaries(), name));
  return next ? [...ofKubernetes, join(nextEngineBinaries(), 'dockerd')] : ofKubernetes;
}

/** As the first node's, with what a current distribution does otherwise: cgroups by systemd, containerd's own socket. */
function kubeletSettings(): string {
  const settings = {
    ...kubeletConfig,
    address: node2.address,
    cgroupDriver: 'systemd',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    resolvConf: '/etc/resolv.conf',
    registerWithTaints: [node2Taint],
  };
  return JSON.stringify(settings, undefined, 2);
}

/** containerd renamed its settings with its second major version. */
function containerdSettings({ suite }: EngineChoice): string {
  if (suite === 'trixie') {
    return `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
`;
  }
  return `version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${pauseImage}"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
    SystemdCgroup = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/usr/lib/cni"]
`;
}

function podNetwork(): string {
  const bridge = {
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
    ipam: {
      type: 'host-local',
      ranges: [[{ subnet: node2.pods, gateway: node2.podGateway }]],
      routes: [{ dst: '0.0.0.0/0' }],
    },
  };
  const portmap = { type: 'portmap', capabilities: { portMappings: true } };
  return JSON.stringify({ cniVersion: '0.4.0', name: 'dockerrun-cluster', plugins: [bridge, portmap] });
}

function dockerSettings(): string {
  const settings = {
    hosts: ['unix:///run/docker.sock', `unix://${layout.dockerSocket}`, node2.dockerHost],
    tls: false,
    bip: node2.dockerBridge,
    'exec-opts': ['native.cgroupdriver=systemd'],
    'shutdown-timeout': 5,
  };
  return JSON.stringify(settings, undefined, 2);
}

/** Debian's unit names a socket of systemd, which the list of sockets above does not go with. */
const dockerDropIn = ({ next }: EngineChoice) => `[Unit]
Requires=
[Service]
ExecStartPre=/bin/mkdir -p ${dirname(layout.dockerSocket)}
ExecStart=
ExecStart=${next ? join(onNode.programs, 'dockerd') : '/usr/sbin/dockerd'} --containerd=/run/containerd/containerd.sock
`;

function unit(description: string, commandLine: readonly string[]): string {
  return `[Unit]
Description=${description}
After=containerd.service
Wants=containerd.service

[Service]
ExecStart=${commandLine.join(' ')}
Restart=always
RestartSec=1
`;
}

const kubeletUnit = unit('The kubelet of the second node', [
  join(onNode.programs, 'kubelet'),
  `--config=${onNode.kubeletConfig}`,
  `--kubeconfig=${onNode.kubeletKubeconfig}`,
  // As on the first node, since the operator has one setting for all.
  `--root-dir=${layout.kubeletRoot}`,
  `--cert-dir=${join(layout.kubeletRoot, 'pki')}`,
  `--hostname-override=${node2.name}`,
  `--node-ip=${node2.address}`,
]);

const proxyUnit = unit('kube-proxy of the second node', [
  join(onNode.programs, 'kube-proxy'),
  `--kubeconfig=${onNode.proxyKubeconfig}`,
  '--proxy-mode=iptables',
  `--cluster-cidr=${ranges.pods}`,
  `--hostname-override=${node2.name}`,
  `--healthz-bind-address=${new URL(endpoints.kubeProxyHealth).host}`,
  `--metrics-bind-address=${new URL(endpoints.kubeProxyMetrics).host}`,
  '--conntrack-max-per-core=0',
  '--conntrack-tcp-timeout-established=0',
  '--conntrack-tcp-timeout-close-wait=0',
]);

function settingsOf(engine: EngineChoice): Record<string, string> {
  const docker = {
    'etc/docker/daemon.json': dockerSettings(),
    'etc/systemd/system/docker.service.d/node.conf': dockerDropIn(engine),
  };
  return {
    'etc/containerd/config.toml': containerdSettings(engine),
    'etc/cni/net.d/10-pods.conflist': podNetwork(),
    'etc/kubernetes/kubelet.json': kubeletSettings(),
    'etc/systemd/system/kubelet.service': kubeletUnit,
    'etc/systemd/system/kube-proxy.service': proxyUnit,
    'etc/resolv.conf': readFileSync('/etc/resolv.conf', 'utf8'),
    'root/.ssh/authorized_keys': readFileSync(`${node2Files.key}.pub`, 'utf8'),
    ...(engine.docker ? docker : {}),
  };
}

/** A running program cannot be overwritten, and a copy of the same size is the same build. */
function copyProgram(from: string): void {
  const to = join(node2Files.programs, basename(from));
  if (existsSync(to) && statSync(to).size === statSync(from).size) return;
  rmSync(to, { force: true });
  copyFileSync(from, to);
  chmodSync(to, 0o755);
}

/** Writes what the node takes over at its start; the paths of what decides whether a running node is out of date. */
export function writeNodeFiles(engine: EngineChoice): void {
  rmSync(node2Files.overlay, { recursive: true, force: true });
  for (const directory of [node2Files.overlay, node2Files.programs, node2Files.images]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }
  for (const [path, text] of Object.entries(settingsOf(engine))) {
    writePrivate(join(node2Files.overlay, path), text);
  }
  writeKubeconfig('second-kubelet');
  writeKubeconfig('kube-proxy');
  const kubernetes = join(node2Files.overlay, 'etc', 'kubernetes');
  copyFileSync(kubeconfigPath('second-kubelet'), join(kubernetes, 'kubelet.kubeconfig'));
  copyFileSync(kubeconfigPath('kube-proxy'), join(kubernetes, 'kube-proxy.kubeconfig'));
  copyFileSync(join(layout.recipes, 'node2', 'start-node'), join(node2Files.shared, 'start-node'));
  for (const program of programsOf(engine)) copyProgram(program);
}
