import { describe } from '../errors.ts';
import { installTracer } from './trace.ts';
import { traceSettings, type TracingOptions } from './settings.ts';

/** The tracing of one process. */
export type Tracing = {
  /** Sends the remaining spans, for at most 2 s; resolves at once if there are none. */
  readonly end: () => Promise<void>;
};

/** How long a process may wait for its last spans before it exits. */
const longestEndMs = 2_000;

export const noTracing: Tracing = { end: async () => undefined };

/**
 * Starts tracing if the environment configures it; otherwise the SDK is not even loaded. If anything fails,
 * it reports the problem and the process runs without traces.
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
    options.onProblem(`traces are not sent: ${describe(error)}`);
    return noTracing;
  }
}
