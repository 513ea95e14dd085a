import { readFileSync, writeFileSync } from 'node:fs';
import { succeed } from '../e2e/support/shell.ts';
import { node2 } from '../cluster/node2/node2-layout.ts';

/**
 * Writes the row of the tested node into docs/compatibility.md, after `make test-nodes` has passed on it:
 * `node test/nodes/compatibility-row.ts`. A row of the same engine is replaced.
 */

const page = 'docs/compatibility.md';
const heading = '| Docker Engine of the second node |';

type NodeInfo = {
  osImage: string;
  kernelVersion: string;
  containerRuntimeVersion: string;
  kubeletVersion: string;
};

async function cells(): Promise<string[]> {
  const node = JSON.parse(await succeed('kubectl', ['get', 'node', node2.name, '-o', 'json'])) as {
    status: { nodeInfo: NodeInfo };
  };
  const { osImage, kernelVersion, containerRuntimeVersion, kubeletVersion } = node.status.nodeInfo;
  const ask = (args: string[]) => succeed('docker', args).then((text) => text.trim());
  const version = await ask(['version', '--format', '{{.Server.Version}} (API {{.Server.APIVersion}})']);
  const cgroups = await ask(['info', '--format', 'v{{.CgroupVersion}}, {{.CgroupDriver}}']);
  const containerd = containerRuntimeVersion.replace('containerd://', '');
  return [version, containerd, osImage, `${kernelVersion} (User Mode Linux)`, cgroups, kubeletVersion];
}

/** The text with the row in the table below the heading; a row with the same first version is replaced. */
function withRow(text: string, row: readonly string[]): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.replaceAll(/ +/g, ' ').startsWith(heading));
  if (start < 0) throw new Error(`${page} has no table that starts with ${heading}`);
  let end = start;
  while (lines[end]?.startsWith('|') === true) end += 1;
  const [engine = ''] = (row[0] ?? '').split(/[+ ]/);
  const others = lines.slice(start, end).filter((line) => !line.startsWith(`| ${engine}`));
  return [...lines.slice(0, start), ...others, `| ${row.join(' | ')} |`, ...lines.slice(end)].join('\n');
}

writeFileSync(page, withRow(readFileSync(page, 'utf8'), await cells()));
await succeed('prettier', ['--write', '--log-level=warn', page]);
