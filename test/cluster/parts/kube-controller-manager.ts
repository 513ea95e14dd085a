import { join } from 'node:path';
import { expectHttpOk } from '../health.ts';
import { kubernetesBinaries } from '../install/go-binaries.ts';
import { endpoints, ranges } from '../network.ts';
import {
  apiServerCertificatePath,
  kubeconfigPath,
  serviceAccountKeyPath,
  writeKubeconfig,
} from '../setup/credentials.ts';
import type { Part } from '../supervise/part.ts';
import { addressOf } from '../supervise/port-check.ts';

const kubeconfig = kubeconfigPath('kube-controller-manager');

/** Kubernetes' own controllers, Jobs and garbage collection among them. */
export const kubeControllerManager: Part = {
  name: 'kube-controller-manager',
  why: 'makes pods of Jobs and removes what has lost its owner',
  after: ['kube-apiserver'],
  configure: () => writeKubeconfig('kube-controller-manager'),
  configFiles: [kubeconfig],
  listens: [addressOf(endpoints.controllerManagerHealth)],
  command: () => ({
    command: join(kubernetesBinaries(), 'kube-controller-manager'),
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--bind-address=127.0.0.1',
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${serviceAccountKeyPath}`,
      `--root-ca-file=${apiServerCertificatePath}`,
      '--allocate-node-cidrs=true',
      `--cluster-cidr=${ranges.pods}`,
      '--leader-elect=false',
      // The default of 20 requests a second holds Jobs down to five a second, which is not what tests measure.
      '--kube-api-qps=300',
      '--kube-api-burst=400',
    ],
  }),
  checkHealth: (signal) => expectHttpOk(endpoints.controllerManagerHealth, signal, { allowSelfSigned: true }),
  healthySeconds: 60,
  stopSeconds: 10,
};
