import { Value } from 'typebox/value';
import { type DockerRunStatus, dockerRunStatus } from '../../src/api/status.ts';
import { sleep } from '../../src/support/abort.ts';
import { kubectl, kubectlLines } from './kubectl.ts';

const retryMs = 500;
const logAttempts = 10;

/** Gives every status of a run to `onStatus` as it changes; resolves with the last one when the run has ended. */
export async function followStatus(
  name: string,
  onStatus: (status: DockerRunStatus) => void,
  signal: AbortSignal,
): Promise<DockerRunStatus> {
  const args = ['get', 'dockerrun', name];
  for (;;) {
    const watch = kubectlLines([...args, '--watch', '--output=jsonpath={.status}{"\\n"}'], signal);
    for await (const line of watch) {
      const status = parseStatus(line);
      if (status === undefined) continue;
      onStatus(status);
      if (status.phase === 'Succeeded' || status.phase === 'Failed') return status;
    }
    await sleep(retryMs, signal);
    // A watch may end at any time; a run that is gone is an error.
    await kubectl([...args, '--output=name'], signal);
  }
}

/** A new run has no status yet. */
function parseStatus(line: string): DockerRunStatus | undefined {
  if (line.trim() === '') return undefined;
  const value: unknown = JSON.parse(line);
  if (Value.Check(dockerRunStatus, value)) return value;
  throw new Error(`the cluster's DockerRuns have another status than this clone's: run make install`);
}

/** Gives every line of a pod's log to `onLine` as it comes; resolves when the pod has ended. */
export async function followLog(
  pod: string,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let lines = 0;
  // kubectl ends at once while the pod is still being started.
  for (let attempt = 0; lines === 0 && attempt < logAttempts && !signal.aborted; attempt += 1) {
    if (attempt > 0) await sleep(retryMs, signal);
    for await (const line of kubectlLines(['logs', '--follow', `pod/${pod}`], signal)) {
      lines += 1;
      onLine(line);
    }
  }
}
