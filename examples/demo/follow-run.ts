import { Value } from 'typebox/value';
import { type DockerRunStatus, dockerRunStatus } from '../../src/api/status.ts';
import { sleep } from '../../src/support/abort.ts';
import { kubectl, kubectlLines } from './kubectl.ts';

const retryMs = 500;
const logAttempts = 10;

/** Calls `onStatus` with every status of a run; resolves with the last one when the run has ended. */
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
    // A watch may end at any time; this fails if the run was deleted.
    await kubectl([...args, '--output=name'], signal);
  }
}

/** Undefined for a new run, which has no status yet. */
function parseStatus(line: string): DockerRunStatus | undefined {
  if (line.trim() === '') return undefined;
  const value: unknown = JSON.parse(line);
  if (Value.Check(dockerRunStatus, value)) return value;
  throw new Error(`the CRD in the cluster does not match this checkout: run make install`);
}

/** Calls `onLine` with every line of a pod's log; resolves when the pod has ended. */
export async function followLog(
  pod: string,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let lines = 0;
  // kubectl exits at once while the pod is still starting.
  for (let attempt = 0; lines === 0 && attempt < logAttempts && !signal.aborted; attempt += 1) {
    if (attempt > 0) await sleep(retryMs, signal);
    for await (const line of kubectlLines(['logs', '--follow', `pod/${pod}`], signal)) {
      lines += 1;
      onLine(line);
    }
  }
}
