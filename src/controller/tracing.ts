import type { DockerRunStatus } from '../api/status.ts';
import { type Attributes, recordSpan, rootSpanOf, traced } from '../support/trace/trace.ts';
import type { Action } from './decide/outcome.ts';
import { isTerminal, type ObservedRun } from './observe/observed.ts';

/** Runs `work`, which carries out an action, in a span of the run's trace; the span shows a refusal. */
export function tracedAction<T>(run: ObservedRun, action: Action, work: () => Promise<T>): Promise<T> {
  const name = action.kind.replaceAll(/[A-Z]/g, (letter) => ` ${letter}`);
  const traceAs = async (span: { set: (attributes: Attributes) => void }) => {
    const refusal = await work();
    if (refusal !== undefined) span.set({ 'dockerrun.refused': true });
    return refusal;
  };
  return traced(name, identity(run), traceAs, rootSpanOf(run.metadata.uid));
}

/**
 * Stores a status, in a span when its phase or reason is new. The end of a run completes the trace with its
 * root span, which lasts from the creation of the run to its completion.
 */
export async function tracedStatus(
  run: ObservedRun,
  status: DockerRunStatus,
  store: () => Promise<unknown>,
): Promise<unknown> {
  const { phase, reason } = status;
  if (phase === run.status.phase && reason === run.status.reason) return store();
  const attributes = { ...identity(run), 'dockerrun.phase': phase, 'dockerrun.reason': reason };
  const stored = await traced('write status', attributes, store, rootSpanOf(run.metadata.uid));
  if (stored !== undefined && isTerminal(status) && !isTerminal(run.status)) recordRoot(run, status);
  return stored;
}

function recordRoot(run: ObservedRun, status: DockerRunStatus): void {
  const { phase, reason, completionTime, attempts, jobName, nodeName, target } = status;
  recordSpan({
    name: 'DockerRun',
    context: rootSpanOf(run.metadata.uid),
    start: new Date(run.metadata.creationTimestamp),
    end: completionTime === undefined ? new Date() : new Date(completionTime),
    attributes: {
      ...identity(run),
      'container.image.name': run.spec?.image,
      'k8s.job.name': jobName,
      'k8s.node.name': nodeName,
      'dockerrun.phase': phase,
      'dockerrun.reason': reason,
      'dockerrun.attempts': attempts,
      'process.exit.code': target?.exitCode,
    },
    errorType: phase === 'Failed' ? reason : undefined,
  });
}

function identity({ metadata }: ObservedRun): Attributes {
  return {
    'dockerrun.run.name': metadata.name,
    'dockerrun.run.uid': metadata.uid,
    'k8s.namespace.name': metadata.namespace,
  };
}
