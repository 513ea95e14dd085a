import { Value } from 'typebox/value';
import { type DockerRunSetStatus, dockerRunSetStatus } from '../../src/api/set/set-status.ts';
import { deadline, sleep } from '../../src/support/abort.ts';
import { printLine } from '../../test/cluster/progress.ts';
import { kubectl, kubectlLines } from './kubectl.ts';

const retryMs = 500;
const passMs = 600_000;

/** Prints each change of a set's progress, and resolves when so many inputs are done and nothing is left to do. */
export async function followSet(
  name: string,
  inputs: number,
  signal: AbortSignal,
): Promise<DockerRunSetStatus> {
  const bounded = deadline(passMs, signal);
  const args = ['get', 'dockerrunset', name];
  let lastLine = '';
  for (;;) {
    for await (const text of kubectlLines(
      [...args, '--watch', '--output=jsonpath={.status}{"\\n"}'],
      bounded,
    )) {
      const status = parseSetStatus(text);
      if (status === undefined) continue;
      const line = setLine(status);
      if (line !== lastLine) printLine(`${name}: ${line}`);
      lastLine = line;
      if (status.phase === 'Paused' || (status.items?.failed ?? 0) > 0)
        throw new Error(`the set ${name} has failed inputs: ${status.message}`);
      if (status.phase === 'Idle' && status.items?.done === inputs) return status;
    }
    await sleep(retryMs, bounded);
    // A watch may end at any time; this fails if the set was deleted.
    await kubectl([...args, '--output=name'], bounded);
  }
}

/** Undefined for a new set, which has no status yet. */
function parseSetStatus(line: string): DockerRunSetStatus | undefined {
  if (line.trim() === '') return undefined;
  const value: unknown = JSON.parse(line);
  if (Value.Check(dockerRunSetStatus, value)) return value;
  throw new Error('the CRD in the cluster does not match this checkout: run make install');
}

function setLine({ phase = 'Pending', items, live }: DockerRunSetStatus): string {
  if (items === undefined) return phase;
  const { done, seen, running, waiting } = items;
  const pods = live === undefined || live.chunks === 0 ? [] : [`${live.chunks} runs`];
  const work = running + waiting === 0 ? [] : [`${running} running, ${waiting} waiting`];
  return [phase, `${done} of ${seen} done`, ...work, ...pods].join(' · ');
}
