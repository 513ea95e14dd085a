import { dirname, join } from 'node:path';
import { capture } from '../command.ts';
import { layout } from '../layout.ts';
import { writePrivate } from '../setup/config-file.ts';
import { pauseImage } from '../setup/image-names.ts';
import type { Part } from '../supervise/part.ts';
import { cniConfigDir, writeCniConfig } from './cni-config.ts';

const configPath = join(layout.state, 'containerd.toml');

const config = `version = 2
root = "${join(layout.state, 'containerd')}"
state = "${dirname(layout.containerdSocket)}"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt",
  "io.containerd.tracing.processor.v1.otlp"]

[grpc]
  address = "${layout.containerdSocket}"

[plugins."io.containerd.grpc.v1.cri"]
  # Without CAP_SYS_RESOURCE nobody may lower an oom_score_adj, and every sandbox would fail on trying.
  restrict_oom_score_adj = true
  sandbox_image = "${pauseImage}"
  # Keeps network namespaces under \`state\` instead of the machine's /run/netns.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "${join(layout.run, 'runc')}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${cniConfigDir}"
`;

/** Runs the containers of pods and of Docker Engine alike, each in a namespace of its own. */
export const containerd: Part = {
  name: 'containerd',
  why: 'runs the containers of pods and of Docker Engine',
  after: ['network'],
  configure: () => {
    writePrivate(configPath, config);
    writeCniConfig();
  },
  listens: [],
  command: () => ({ command: 'containerd', args: ['--config', configPath] }),
  configFiles: [configPath],
  checkHealth: async (signal) => {
    await capture('ctr', ['--address', layout.containerdSocket, 'version'], signal);
  },
  healthySeconds: 60,
  stopSeconds: 10,
};
