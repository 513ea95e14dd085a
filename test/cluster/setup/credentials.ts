import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../layout.ts';
import { endpoints, nodeName, secondNodeName } from '../network.ts';
import { writePrivate } from './config-file.ts';
import { ensureSecret } from './secret-file.ts';

const keyBits = 2048;

/** Who talks to the API server: the names that Kubernetes' own bootstrap roles are bound to. */
const users = {
  admin: { user: 'admin', groups: ['system:masters'] },
  'kube-controller-manager': { user: 'system:kube-controller-manager', groups: [] },
  'kube-scheduler': { user: 'system:kube-scheduler', groups: [] },
  'kube-proxy': { user: 'system:kube-proxy', groups: [] },
  kubelet: { user: `system:node:${nodeName}`, groups: ['system:nodes'] },
  // The API server reads its tokens only when it starts: that of a node that may come later is among them.
  'second-kubelet': { user: `system:node:${secondNodeName}`, groups: ['system:nodes'] },
} as const;

type UserName = keyof typeof users;

/** Signs and checks service accounts' tokens. */
export const serviceAccountKeyPath = join(layout.certificates, 'service-account.key');

/** Lists every token the API server accepts. */
export const tokenFilePath = join(layout.certificates, 'tokens.csv');

/** The API server's certificate, which it signs itself; also what pods are given to trust it. */
export const apiServerCertificatePath = join(layout.certificates, 'apiserver.crt');

/** Where this user's kubeconfig lies. */
export function kubeconfigPath(name: UserName): string {
  return join(layout.state, 'kubeconfig', name);
}

/** Makes the service accounts' key and the token file; keeps those that exist. */
export function writeApiServerCredentials(): void {
  if (!existsSync(serviceAccountKeyPath)) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: keyBits });
    writePrivate(serviceAccountKeyPath, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  }
  const lines = Object.entries(users).map(
    ([name, { user, groups }]) => `${ensureSecret(`token-${name}`)},${user},${user},"${groups.join(',')}"`,
  );
  writePrivate(tokenFilePath, `${lines.join('\n')}\n`);
}

/** Writes a user's kubeconfig; the API server must have made its certificate before. */
export function writeKubeconfig(name: UserName): void {
  const authority = readFileSync(apiServerCertificatePath).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'dockerrun',
        cluster: { server: endpoints.apiServer, 'certificate-authority-data': authority },
      },
    ],
    users: [{ name, user: { token: ensureSecret(`token-${name}`) } }],
    contexts: [{ name: 'dockerrun', context: { cluster: 'dockerrun', user: name, namespace: 'default' } }],
    'current-context': 'dockerrun',
  };
  writePrivate(kubeconfigPath(name), JSON.stringify(config, undefined, 2));
}
