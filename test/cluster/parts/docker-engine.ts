import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expectHttpOk } from '../health.ts';
import { layout } from '../layout.ts';
import { dockerBridge, ranges } from '../network.ts';
import { writePrivate } from '../setup/config-file.ts';
import type { Part } from '../supervise/part.ts';

const configPath = join(layout.state, 'docker.json');
const pidFile = join(layout.run, 'docker.pid');

/** Parent of the cgroups of containers that name none; its own, to distinguish them from another engine's. */
export const dockerCgroupParent = 'dockerrun-docker';

/** The node's Docker Engine with roots, socket, bridge and address ranges of its own. */
export const dockerEngine: Part = {
  name: 'docker-engine',
  why: 'runs the users’ images beside the pods',
  after: ['containerd'],
  // The machine's own /etc/docker/daemon.json is not for this engine.
  configure: () => writePrivate(configPath, '{}\n'),
  configFiles: [configPath],
  // A killed engine leaves its pid file, and refuses to start once that number belongs to any process.
  clearStale: () => {
    rmSync(pidFile, { force: true });
    mkdirSync(dirname(layout.dockerSocket), { recursive: true, mode: 0o711 });
  },
  listens: [],
  command: () => ({
    command: 'dockerd',
    args: [
      `--data-root=${join(layout.state, 'docker')}`,
      `--exec-root=${join(layout.run, 'docker-exec')}`,
      `--pidfile=${pidFile}`,
      `--host=unix://${layout.dockerSocket}`,
      `--containerd=${layout.containerdSocket}`,
      `--bridge=${dockerBridge.name}`,
      `--default-address-pool=base=${ranges.dockerNetworks},size=24`,
      // With a leading slash: a relative one would go below the cgroup of the caller of `up`.
      `--cgroup-parent=/${dockerCgroupParent}`,
      // The kubelet uses cgroupfs too; with systemd's driver a pod's cgroup could not be a container's parent.
      '--exec-opt=native.cgroupdriver=cgroupfs',
      '--oom-score-adjust=0',
      '--shutdown-timeout=5',
      `--config-file=${configPath}`,
    ],
  }),
  checkHealth: (signal) => expectHttpOk('http://docker/_ping', signal, { socketPath: layout.dockerSocket }),
  healthySeconds: 90,
  stopSeconds: 20,
};
