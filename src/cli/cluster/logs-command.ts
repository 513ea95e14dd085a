import { pipeline } from 'node:stream/promises';
import { isTerminalPhase } from '../../api/status.ts';
import { isNotFound, KubeError } from '../../kube/kube-error.ts';
import { recordAt, textAt } from '../../kube/json.ts';
import { paths } from '../../kube/paths.ts';
import { openResponse } from '../../kube/request.ts';
import { workerContainerName } from '../../api/names.ts';
import { sleep } from '../../support/abort.ts';
import { CommandLineError, type Given, numberOf, ownCodes } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { ClusterError, clusterError, getTarget, openSession, type Session } from './session.ts';
import { runStatusOf, type StoredObject } from './stored-object.ts';
import { runNamed, type Target, titleOf } from './targets.ts';
import { printJobLog } from './user-girder.ts';

/** How often a run is read until its pod writes a log. */
const pollMs = 1_000;

type LogOptions = { readonly follow: boolean; readonly tail: number | undefined };

/** `dockerrun logs` */
export async function logsCommand(given: Given, terminal: Terminal): Promise<number> {
  const target = runNamed(given.args[0] ?? '', 'logs');
  const attempt = numberOf(given, 'attempt', { least: 1, most: 1_000_000 });
  const tail = numberOf(given, 'tail', { least: 0, most: 10_000_000 });
  const [follow, previous] = [given.has('follow'), given.has('previous')];
  if (previous && attempt !== undefined) throw new CommandLineError('use either --previous or --attempt');
  if (follow && (previous || attempt !== undefined))
    throw new CommandLineError('--follow is for the present attempt, and not for an earlier one');
  const session = await openSession(given, terminal);
  if (follow) return followLogs(session, target, tail);
  const run = await getTarget(session, target);
  const pod = podOf(run, { previous, attempt });
  if (pod === undefined) throw new ClusterError(withoutPod(run, target));
  if (!(await printLog(session, pod, { follow, tail }))) await printGoneLog(session, run, pod);
  return ownCodes.done;
}

type Wanted = { readonly previous: boolean; readonly attempt: number | undefined };

/** The pod of an attempt. @throws ClusterError for an attempt that is not in the status */
export function podOf(run: StoredObject, { previous, attempt }: Wanted): string | undefined {
  const { attemptHistory = [], attempts = attemptHistory.length, podName } = runStatusOf(run);
  if (!previous && attempt === undefined) return podName;
  const first = attempts - attemptHistory.length + 1;
  const wanted = attempt ?? attempts - 1;
  const found = attemptHistory[wanted - first]?.podName;
  if (found !== undefined) return found;
  const known = attemptHistory.length === 0 ? 'no attempt' : `the attempts ${first} to ${attempts}`;
  throw new ClusterError(
    previous && attempts < 2
      ? 'there is no attempt before the last one'
      : `there is no attempt ${wanted}: the status of the run knows ${known}`,
  );
}

function withoutPod(run: StoredObject, target: Target): string {
  const { phase = 'Pending', message = '' } = runStatusOf(run);
  return `${titleOf(target)} has no pod yet (${phase}): ${message || 'add --follow to wait for it'}`;
}

function withoutLog(run: StoredObject, target: Target): string {
  const { phase = 'Pending', message } = runStatusOf(run);
  const line = `${titleOf(target)} has no log yet (${phase})`;
  return message === undefined ? line : `${line}: ${message}`;
}

/** Prints the logs of this attempt and of those that follow, and what it waits for, until the run has ended. */
async function followLogs(session: Session, target: Target, tail: number | undefined): Promise<number> {
  const printed = new Set<string>();
  let first: StoredObject | undefined;
  let shown = '';
  for (;;) {
    const run = await runNow(session, target, first);
    first ??= run;
    const { podName: pod, phase } = runStatusOf(run);
    if (pod !== undefined && !printed.has(pod)) {
      const isPrinted = await printLog(session, pod, { follow: true, tail });
      if (isPrinted) printed.add(pod);
      else if (isTerminalPhase(phase)) await printGoneLog(session, run, pod);
    }
    if (isTerminalPhase(phase)) return ownCodes.done;
    const wait = pod !== undefined && printed.has(pod) ? '' : withoutLog(run, target);
    if (wait !== '' && wait !== shown) session.terminal.stderr.write(`dockerrun: ${wait}\n`);
    shown = wait;
    await sleep(pollMs, session.terminal.stop);
  }
}

/** The run that was there at first. @throws ClusterError also if it has been deleted since then */
async function runNow(
  session: Session,
  target: Target,
  first: StoredObject | undefined,
): Promise<StoredObject> {
  const deleted = () => new ClusterError(`${titleOf(target)} was deleted`);
  try {
    const run = await getTarget(session, target);
    if (first !== undefined && run.metadata['uid'] !== first.metadata['uid']) throw deleted();
    return run;
  } catch (error) {
    const isGone = first !== undefined && error instanceof ClusterError && isNotFound(error.cause);
    throw isGone ? deleted() : error;
  }
}

/** False if there is no such pod, or if it has no log yet. @throws ClusterError */
async function printLog(session: Session, pod: string, { follow, tail }: LogOptions): Promise<boolean> {
  const { connection, namespace, terminal } = session;
  const { stop, stdout } = terminal;
  const query = {
    container: workerContainerName,
    ...(follow ? { follow: 'true' } : {}),
    ...(tail === undefined ? {} : { tailLines: String(tail) }),
  };
  const path = `${paths.pods(namespace)}/${pod}/log`;
  try {
    const response = await openResponse(connection, { method: 'GET', path, query, signal: stop });
    await pipeline(response, stdout, { end: false, signal: stop });
    return true;
  } catch (error) {
    stop.throwIfAborted();
    // 400: the container waits to start.
    if (isNotFound(error) || (follow && error instanceof KubeError && error.status === 400)) return false;
    throw clusterError(error, session);
  }
}

/** The log of a pod that is deleted may be in Girder. @throws ClusterError which says where the log is or was */
async function printGoneLog(session: Session, run: StoredObject, pod: string): Promise<void> {
  const girder = recordAt(recordAt(run, 'spec'), 'girder');
  const [apiUrl, jobId] = [textAt(girder, 'apiUrl'), textAt(recordAt(girder, 'job'), 'id')];
  if (apiUrl === undefined || jobId === undefined) {
    const isKept = girder['log'] !== undefined;
    const where = isKept
      ? 'spec.girder.log keeps it in Girder: dockerrun open shows the results'
      : 'its log is deleted with it; spec.girder.log or spec.girder.job keeps the log of a run in Girder';
    throw new ClusterError(`the pod ${pod} does not exist any more: ${where}`);
  }
  session.terminal.stderr.write(
    `dockerrun: the pod ${pod} is deleted; this is the log of the Girder job ${jobId}\n`,
  );
  await printJobLog(session.terminal, apiUrl, jobId);
}
