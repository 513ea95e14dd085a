import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectHttpOk } from '../health.ts';
import { kubernetesBinaries } from '../install/go-binaries.ts';
import { layout } from '../layout.ts';
import { endpoints, podBridge, ranges } from '../network.ts';
import {
  apiServerCertificatePath,
  serviceAccountKeyPath,
  tokenFilePath,
  writeApiServerCredentials,
} from '../setup/credentials.ts';
import { ensureSecret } from '../setup/secret-file.ts';
import type { Part } from '../supervise/part.ts';
import { addressOf } from '../supervise/port-check.ts';

/**
 * The garbage collector of an API server takes much of two processors, and memory is there: it runs when the heap has
 * grown fivefold, and not twofold.
 */
export const rareCollections = { GOGC: '400' } as const;

/** The API server, only on the pod bridge's address: nobody outside this machine reaches it. */
export const kubeApiserver: Part = {
  name: 'kube-apiserver',
  why: 'is the cluster for everyone who talks to it',
  after: ['network', 'etcd', 'kubernetes binaries'],
  configure: writeApiServerCredentials,
  configFiles: [tokenFilePath],
  listens: [addressOf(endpoints.apiServer)],
  command: () => ({
    command: join(kubernetesBinaries(), 'kube-apiserver'),
    args: [
      `--etcd-servers=${endpoints.etcd}`,
      `--cert-dir=${layout.certificates}`,
      `--secure-port=${new URL(endpoints.apiServer).port}`,
      `--bind-address=${podBridge.address}`,
      // Endpoints refuse a loopback address; through this one pods reach the API by its service address.
      `--advertise-address=${podBridge.address}`,
      `--token-auth-file=${tokenFilePath}`,
      `--service-account-key-file=${serviceAccountKeyPath}`,
      `--service-account-signing-key-file=${serviceAccountKeyPath}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-cluster-ip-range=${ranges.services}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      '--kubelet-preferred-address-types=InternalIP',
    ],
    env: rareCollections,
  }),
  checkHealth: (signal) =>
    expectHttpOk(`${endpoints.apiServer}/readyz`, signal, {
      ca: readFileSync(apiServerCertificatePath, 'utf8'),
      headers: { Authorization: `Bearer ${ensureSecret('token-admin')}` },
    }),
  healthySeconds: 120,
  stopSeconds: 5,
};
