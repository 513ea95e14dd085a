import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { version } from '../src/support/version.ts';

type File = { readonly path: string; readonly content: string };

const chart = 'deploy/chart';

/**
 * Copies of the CRDs, dashboards and alerts for the chart, which cannot read files outside its folder, and
 * Chart.yaml with the current version.
 */
export function chartFiles(generated: readonly File[]): File[] {
  const generatedIn = (folder: string) => generated.filter(({ path }) => path.startsWith(`${folder}/`));
  const alerts = globSync('deploy/alerts/*.rules.yaml').toSorted();
  const copies = [
    ...generatedIn('crds').map(({ path, content }) => copy('crds', path, keptByHelm(content))),
    ...generatedIn('deploy/dashboards').map(({ path, content }) => copy('dashboards', path, content)),
    ...alerts.map((path) => copy('alerts', path, readFileSync(path, 'utf8'))),
  ];
  return [...copies, chartYaml()];
}

function copy(kind: string, path: string, content: string): File {
  return { path: `${chart}/files/${kind}/${basename(path)}`, content };
}

/** Deleting a CRD deletes every object of it, so neither `helm uninstall` nor a rollback may delete one. */
function keptByHelm(crd: string): string {
  const metadata = '\nmetadata:\n';
  if (!crd.includes(metadata)) throw new Error('a CRD for the chart must have metadata');
  return crd.replace(metadata, `${metadata}  annotations:\n    helm.sh/resource-policy: keep\n`);
}

function chartYaml(): File {
  const path = `${chart}/Chart.yaml`;
  const content = readFileSync(path, 'utf8').replace(/^(version|appVersion): .*$/gm, `$1: ${version}`);
  return { path, content };
}
