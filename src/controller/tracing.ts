import type { DockerRunStatus } from '../api/status.ts';
import { type Attributes, recordSpan, rootSpanOf, traced } from '../support/trace/trace.ts';
import type { Action } from './decide/outcome.ts';
import { isTerminal, type ObservedRun } from './observe/observed.ts';

/** Carries out an action within a span of the run's trace; what the API server refuses is noted there. */
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
 * Stores a status; a phase or reason that is news is a span, and an end completes the trace with its root, which
 * lasts from the creation of the run to its completion. Mere progress is no span.
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
