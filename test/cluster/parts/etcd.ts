import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expectHttpOk } from '../health.ts';
import { etcdBinaries } from '../install/go-binaries.ts';
import { layout } from '../layout.ts';
import { endpoints, nodeName } from '../network.ts';
import type { Part } from '../supervise/part.ts';
import { addressOf } from '../supervise/port-check.ts';

const dataDir = join(layout.state, 'etcd');

/** Kubernetes' database; it syncs every write, so that a power cut loses nothing. */
export const etcd: Part = {
  name: 'etcd',
  why: 'keeps the API server’s objects',
  after: ['etcd binaries'],
  clearStale: () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  },
  listens: [addressOf(endpoints.etcd), addressOf(endpoints.etcdPeer)],
  command: () => ({
    command: join(etcdBinaries(), 'server'),
    args: [
      `--name=${nodeName}`,
      `--data-dir=${dataDir}`,
      `--listen-client-urls=${endpoints.etcd}`,
      `--advertise-client-urls=${endpoints.etcd}`,
      `--listen-peer-urls=${endpoints.etcdPeer}`,
      `--initial-advertise-peer-urls=${endpoints.etcdPeer}`,
      `--initial-cluster=${nodeName}=${endpoints.etcdPeer}`,
      '--auto-compaction-retention=1h',
    ],
  }),
  checkHealth: (signal) => expectHttpOk(`${endpoints.etcd}/health`, signal),
  healthySeconds: 60,
  stopSeconds: 15,
};
