import { execFileSync } from 'node:child_process';
import { stringify } from 'yaml';

/** Where the operator is when nothing else is said. */
export const operatorNamespace = 'dockerrun-system';

const timeoutMs = 60_000;

/** What the chart with its default values is in a cluster, and the namespace that Helm would not make like this. */
export function installManifest(helm: string): string {
  const namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: operatorNamespace,
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    },
  };
  const command = ['template', 'dockerrun', 'deploy/chart', '--namespace', operatorNamespace, '--skip-tests'];
  const rendered = execFileSync(helm, command, { encoding: 'utf8', timeout: timeoutMs });
  return `# Made by make manifests from deploy/chart; do not edit.\n---\n${stringify(namespace)}${rendered}`;
}
