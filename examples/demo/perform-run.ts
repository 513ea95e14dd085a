import { parse } from 'yaml';
import { isRecord } from '../../src/api/json-values.ts';
import { recordAt } from '../../src/kube/json.ts';
import type { DockerRunStatus } from '../../src/api/status.ts';
import { deadline } from '../../src/support/abort.ts';
import { printLine } from '../../test/cluster/progress.ts';
import { followLog, followStatus } from './follow-run.ts';
import { demoNamespace, kubectl } from './kubectl.ts';
import { statusLine } from './status-line.ts';

const runMs = 600_000;
const lastLinesMs = 2_000;
const deleteMs = 15_000;

/** It has succeeded. */
export type FinishedRun = { name: string; status: DockerRunStatus };

/**
 * Creates a run of a manifest under a new name and shows its progress; rejects with its reason and message if
 * it fails.
 */
export async function performRun(manifest: string, signal: AbortSignal): Promise<FinishedRun> {
  const name = await createRun(manifest, signal);
  printLine(`created: kubectl -n ${demoNamespace} get dockerrun ${name}`);
  try {
    const status = await show(name, deadline(runMs, signal));
    if (status.phase === 'Failed') throw new Error(`${status.reason}: ${status.message}`);
    return { name, status };
  } catch (error) {
    if (signal.aborted) await deleteRun(name);
    else printLine(`for details, run: kubectl -n ${demoNamespace} describe dockerrun ${name}`);
    throw new Error(
      `the run ${name} did not succeed: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** Each demo creates a new run, so a fixed name becomes a `generateName`. */
async function createRun(manifest: string, signal: AbortSignal): Promise<string> {
  const run: unknown = parse(manifest);
  if (!isRecord(run)) throw new TypeError('the manifest is not an object');
  const { name, ...metadata } = recordAt(run, 'metadata');
  const prefix = typeof name === 'string' ? { generateName: `${name}-` } : {};
  const input = JSON.stringify({ ...run, metadata: { ...metadata, ...prefix } });
  return kubectl(['create', '--filename=-', '--output=jsonpath={.metadata.name}'], signal, input);
}

/** Prints a line for each change of the status, and each line of the target. */
async function show(name: string, signal: AbortSignal): Promise<DockerRunStatus> {
  let lastLine = '';
  const logs = new Map<string, Log>();
  const onStatus = (status: DockerRunStatus) => {
    const line = statusLine(status);
    if (line !== lastLine) printLine(`${name}: ${line}`);
    lastLine = line;
    if (status.podName === undefined || status.phase === 'Pending') return;
    // Another attempt is another pod.
    if (!logs.has(status.podName)) logs.set(status.podName, startLog(status.podName, signal));
  };
  const status = await followStatus(name, onStatus, signal);
  const timer = setTimeout(() => logs.forEach(({ stop }) => stop.abort()), lastLinesMs);
  await Promise.all([...logs.values()].map(({ ended }) => ended));
  clearTimeout(timer);
  return status;
}

type Log = { ended: Promise<void>; stop: AbortController };

function startLog(pod: string, signal: AbortSignal): Log {
  const stop = new AbortController();
  const ended = followLog(pod, (line) => printLine(`  | ${line}`), AbortSignal.any([signal, stop.signal]));
  // The log is only for display; the outcome of the run is in its status.
  return { ended: ended.catch(() => undefined), stop };
}

async function deleteRun(name: string): Promise<void> {
  await kubectl(['delete', 'dockerrun', name, '--wait=false'], AbortSignal.timeout(deleteMs));
  printLine(`deleted ${name}, which stops its target`);
}
