import { destination } from 'pino';
import { workerEnvironment } from '../api/run-plan.ts';
import { createLogger, type Logger } from '../support/log.ts';
import { noTracing, startTracing, type Tracing } from '../support/trace/start-tracing.ts';
import { type Attributes, parseTraceparent, traceparentVariable } from '../support/trace/trace.ts';
import type { RunEnvironment } from './run-environment.ts';

/**
 * Traces below the run's root span, if the controller passed one to this pod. An unreachable collector is
 * logged only at level info, because the pod's log belongs to the target.
 */
export async function startWorkerTracing(environment: NodeJS.ProcessEnv, log: Logger): Promise<Tracing> {
  const parent = parseTraceparent(environment[traceparentVariable]);
  if (parent === undefined) return noTracing;
  const onProblem = (message: string) => log.info(message);
  return startTracing(environment, { serviceName: 'dockerrun-worker', parent, onProblem });
}

/** For the attempt's span; where it runs is an attribute of all that its worker sends. */
export function attemptAttributes({ run, spec }: Pick<RunEnvironment, 'run' | 'spec'>): Attributes {
  return {
    'dockerrun.run.name': run.name,
    'dockerrun.run.uid': run.uid,
    'k8s.namespace.name': run.namespace,
    'container.image.name': spec.image,
  };
}

/** Synchronous, so that no line is lost at exit; write errors on stderr are ignored. */
export function workerLog(environment: NodeJS.ProcessEnv): Logger {
  return createLogger(
    environment[workerEnvironment.logLevel] ?? 'warn',
    destination({ dest: 2, sync: true }).on('error', () => undefined),
  );
}
