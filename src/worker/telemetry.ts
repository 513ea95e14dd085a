import { destination } from 'pino';
import { workerEnvironment } from '../api/run-plan.ts';
import { createLogger, type Logger } from '../support/log.ts';
import { noTracing, startTracing, type Tracing } from '../support/trace/start-tracing.ts';
import { type Attributes, parseTraceparent, traceparentVariable } from '../support/trace/trace.ts';
import type { RunEnvironment } from './run-environment.ts';

/**
 * Traces below the run's root span, when the controller handed it to this pod. The pod's log belongs to the target, so
 * a collector that is away is no warning there.
 */
export async function startWorkerTracing(environment: NodeJS.ProcessEnv, log: Logger): Promise<Tracing> {
  const parent = parseTraceparent(environment[traceparentVariable]);
  if (parent === undefined) return noTracing;
  const onProblem = (sentence: string) => log.info(sentence);
  return startTracing(environment, { serviceName: 'dockerrun-worker', parent, onProblem });
}

/** What is said of an attempt; where it runs is said of everything that its worker sends. */
export function attemptAttributes({ run, spec }: Pick<RunEnvironment, 'run' | 'spec'>): Attributes {
  return {
    'dockerrun.run.name': run.name,
    'dockerrun.run.uid': run.uid,
    'k8s.namespace.name': run.namespace,
    'container.image.name': spec.image,
  };
}

/** Writes at once, so that nothing is lost when the process ends; who cannot be written to is not written to. */
export function workerLog(environment: NodeJS.ProcessEnv): Logger {
  return createLogger(
    environment[workerEnvironment.logLevel] ?? 'warn',
    destination({ dest: 2, sync: true }).on('error', () => undefined),
  );
}
