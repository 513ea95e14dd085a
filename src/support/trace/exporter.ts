import type { SpanExporter } from '@opentelemetry/sdk-trace';
import { describe } from '../errors.ts';
import type { TraceProtocol } from './settings.ts';

/** Sends spans as the standard variables say: endpoint, headers, time limit, compression, certificates. */
export async function openExporter(
  { protocol, server }: { readonly protocol: TraceProtocol; readonly server: string },
  onProblem: (sentence: string) => void,
): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  const exporter = new OTLPTraceExporter();
  const told = onceUntilWell((error) => onProblem(`traces cannot be sent to ${server}: ${describe(error)}`));
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        told(result.error);
        done(result);
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}

/** Tells of the first failure of a row: a collector that is away for a night is one line in the log. */
function onceUntilWell(tell: (error: Error) => void): (error: Error | undefined) => void {
  let isTold = false;
  return (error) => {
    if (error !== undefined && !isTold) tell(error);
    isTold = error !== undefined;
  };
}
