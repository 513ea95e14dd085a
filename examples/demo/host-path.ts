import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { printLine } from '../../test/cluster/progress.ts';
import { kubectl } from './kubectl.ts';
import { readManifest } from './manifest.ts';
import { performRun } from './perform-run.ts';

const policy = ['get', 'dockerrunpolicy', 'default', '--output=jsonpath={.spec}'];

/** Shows what the policy allows of the node, and performs a run that uses it. */
export async function showHostPath(signal: AbortSignal): Promise<void> {
  const allowed = stringify(JSON.parse(await kubectl(policy, signal)));
  printLine('runs may use host directories only as the policy allows; this is the policy:');
  for (const line of allowed.trim().split('\n')) printLine(`    ${line}`);
  await performRun(readManifest('bind-mount.yaml'), signal);
  const note = '/srv/dockerrun/bind-mount-example.txt';
  printLine(`${note} on this machine: ${readFileSync(note, 'utf8').trim()}`);
}
