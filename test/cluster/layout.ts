import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const state = resolve(process.env['DOCKERRUN_CLUSTER_STATE'] ?? '/var/lib/dockerrun-cluster');
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dockerrun');
const run = '/run/dockerrun-cluster';
const checkout = resolve(import.meta.dirname, '..', '..');

/** Every directory and socket of the cluster; `run` is short because a unix socket path ends at 108 bytes. */
export const layout = {
  /** The clone this program belongs to; only `env` is written there. */
  checkout,
  /** Recipes beside this file: Go modules, requirements, the MongoDB server's source. */
  recipes: import.meta.dirname,
  /** Read by the shells that use the cluster from this clone. */
  env: join(checkout, '.cluster', 'env'),
  /** Survives a power cut, dies with `down`. */
  state,
  logs: join(state, 'logs'),
  /** Survives `down`. */
  cache,
  /** Gone after a reboot, as sockets and process ids must be. */
  run,
  pids: join(run, 'pids'),
  baseline: join(run, 'baseline.json'),
  /** Outside `run`, which `down` removes while it holds the lock. */
  lock: '/run/dockerrun-cluster.lock',
  containerdSocket: join(run, 'containerd', 'containerd.sock'),
  /** In a directory of its own, so that a pod can mount the directory and see a restarted engine's new socket. */
  dockerSocket: join(run, 'docker', 'docker.sock'),
  kubeletRoot: join(state, 'kubelet'),
  kubeconfig: join(state, 'kubeconfig', 'admin'),
  certificates: join(state, 'certificates'),
} as const;
