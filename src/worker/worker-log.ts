import { destination } from 'pino';
import { workerEnvironment } from '../api/plan.ts';
import { createLogger, type Logger } from '../support/log.ts';

/** Writes at once, so that nothing is lost when the process ends; who cannot be written to is not written to. */
export function workerLog(environment: NodeJS.ProcessEnv): Logger {
  return createLogger(
    environment[workerEnvironment.logLevel] ?? 'warn',
    destination({ dest: 2, sync: true }).on('error', () => undefined),
  );
}
