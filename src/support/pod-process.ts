import { destination } from 'pino';
import { workerEnvironment } from '../api/run-plan.ts';
import type { EgressSettings } from './egress.ts';
import { createLogger, type Logger } from './log.ts';

/** What a worker, its cleanup and a planner read from the environment of their pod. */
export function podEgress(variables: NodeJS.ProcessEnv): EgressSettings {
  return {
    caBundle: variables[workerEnvironment.caBundle],
    httpProxy: variables[workerEnvironment.httpProxy],
    httpsProxy: variables[workerEnvironment.httpsProxy],
    noProxy: variables[workerEnvironment.noProxy],
  };
}

/** Synchronous, so that no line is lost at exit; write errors on stderr are ignored. */
export function podLog(environment: NodeJS.ProcessEnv): Logger {
  return createLogger(
    environment[workerEnvironment.logLevel] ?? 'warn',
    destination({ dest: 2, sync: true }).on('error', () => undefined),
  );
}
