import { join } from 'node:path';
import { expectHttpOk } from '../health.ts';
import { kubernetesBinaries } from '../install/go-binaries.ts';
import { layout } from '../layout.ts';
import { endpoints } from '../network.ts';
import { kubeconfigPath, writeKubeconfig } from '../setup/credentials.ts';
import { writePrivate } from '../setup/config-file.ts';
import type { Part } from '../supervise/part.ts';
import { addressOf } from '../supervise/port-check.ts';

const kubeconfig = kubeconfigPath('kube-scheduler');
const configPath = join(layout.state, 'kube-scheduler.json');

const config = {
  apiVersion: 'kubescheduler.config.k8s.io/v1',
  kind: 'KubeSchedulerConfiguration',
  clientConnection: { kubeconfig, qps: 300, burst: 400 },
  leaderElection: { leaderElect: false },
};

/** Gives pods their node. */
export const kubeScheduler: Part = {
  name: 'kube-scheduler',
  why: 'gives pods their node',
  after: ['kube-apiserver'],
  configure: () => {
    writeKubeconfig('kube-scheduler');
    writePrivate(configPath, JSON.stringify(config, undefined, 2));
  },
  configFiles: [kubeconfig, configPath],
  listens: [addressOf(endpoints.schedulerHealth)],
  command: () => ({
    command: join(kubernetesBinaries(), 'kube-scheduler'),
    args: [
      `--config=${configPath}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--bind-address=127.0.0.1',
    ],
  }),
  checkHealth: (signal) => expectHttpOk(endpoints.schedulerHealth, signal, { allowSelfSigned: true }),
  healthySeconds: 60,
  stopSeconds: 10,
};
