import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { version } from '../src/support/version.ts';

type File = { readonly path: string; readonly content: string };

const chart = 'deploy/chart';

/**
 * Copies for the chart, which can read nothing outside of its folder: what has just been made from the
 * code (CRDs, dashboards), the alerts as they are; and the version in Chart.yaml.
 */
export function chartFiles(generated: readonly File[]): File[] {
  const made = (folder: string) => generated.filter(({ path }) => path.startsWith(`${folder}/`));
  const alerts = globSync('deploy/alerts/*.rules.yaml').toSorted();
  const copies = [
    ...made('crds').map(({ path, content }) => copy('crds', path, keptByHelm(content))),
    ...made('deploy/dashboards').map(({ path, content }) => copy('dashboards', path, content)),
    ...alerts.map((path) => copy('alerts', path, readFileSync(path, 'utf8'))),
  ];
  return [...copies, chartYaml()];
}

function copy(kind: string, path: string, content: string): File {
  return { path: `${chart}/files/${kind}/${basename(path)}`, content };
}

/** Every DockerRun would go with its CRD, so that neither `helm uninstall` nor a rollback may delete it. */
function keptByHelm(crd: string): string {
  const metadata = '\nmetadata:\n';
  if (!crd.includes(metadata)) throw new Error('a CRD without metadata cannot be put into the chart');
  return crd.replace(metadata, `${metadata}  annotations:\n    helm.sh/resource-policy: keep\n`);
}

function chartYaml(): File {
  const path = `${chart}/Chart.yaml`;
  const content = readFileSync(path, 'utf8').replace(/^(version|appVersion): .*$/gm, `$1: ${version}`);
  return { path, content };
}
