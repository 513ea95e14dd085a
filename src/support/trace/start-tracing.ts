import { describe } from '../errors.ts';
import { installTracer } from './trace.ts';
import { traceSettings, type TracingOptions } from './settings.ts';

/** The tracing of a process, from its start to its end. */
export type Tracing = {
  /** Sends what is not sent yet; takes no time when there is nothing, and never longer than a server may need. */
  readonly end: () => Promise<void>;
};

/** How long the end of a process may wait for the last spans. */
const longestEndMs = 2_000;

/** Traces nothing. */
export const noTracing: Tracing = { end: async () => undefined };

/**
 * Begins to trace where the environment asks for it; else nothing is even loaded. Whatever goes wrong, there are no
 * traces, and all else goes on.
 */
export async function startTracing(
  environment: Record<string, string | undefined>,
  options: TracingOptions,
): Promise<Tracing> {
  const settings = traceSettings(environment);
  if (settings.kind === 'off') {
    if (settings.problem !== undefined) options.onProblem(settings.problem);
    return noTracing;
  }
  try {
    const { openTracer } = await import('./otel-tracer.ts');
    const tracer = await openTracer(environment, settings, options);
    installTracer(tracer);
    return {
      end: async () => {
        installTracer(undefined);
        await tracer.close(longestEndMs);
      },
    };
  } catch (error) {
    options.onProblem(`no traces are sent: ${describe(error)}`);
    return noTracing;
  }
}
