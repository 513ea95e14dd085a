import { AsyncLocalStorage } from 'node:async_hooks';
import { ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import type * as api from '@opentelemetry/api';
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  type IdGenerator,
  RandomIdGenerator,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { sleep } from '../abort.ts';
import { describe, RunError } from '../errors.ts';
import { version } from '../version.ts';
import {
  isSampled,
  sampledShare,
  type TraceProtocol,
  type TraceSettings,
  type TracingOptions,
} from './settings.ts';
import { noSpan, type PastSpan, type Span, type SpanContext, type Tracer } from './trace.ts';

/** How long one batch may take to be sent; those after it wait, up to the bound of the queue, and then are dropped. */
const longestExportMs = 10_000;

/** A tracer that sends batches over OTLP, with OpenTelemetry's own SDK: a bounded queue, and nobody waits for it. */
export async function openTracer(
  environment: Record<string, string | undefined>,
  settings: TraceSettings & { readonly kind: 'on' },
  { serviceName, parent, onProblem }: TracingOptions,
): Promise<Tracer> {
  const exporter = await openExporter(settings, onProblem);
  return new OtelTracer({
    processor: new BatchSpanProcessor({ exporter, exportTimeoutMillis: longestExportMs }),
    serviceName,
    parent,
    share: sampledShare(environment),
  });
}

type Parts = {
  readonly processor: BatchSpanProcessor;
  readonly serviceName: string;
  /** What spans belong to that are in no other. */
  readonly parent: SpanContext | undefined;
  /** The share of traces that is sent. */
  readonly share: number;
};

class OtelTracer implements Tracer {
  readonly #parts: Parts;
  readonly #ids = new TraceIds();
  readonly #current = new AsyncLocalStorage<SpanContext>();
  readonly #tracer: api.Tracer;

  constructor(parts: Parts) {
    this.#parts = parts;
    const spanProcessors = [parts.processor];
    const resource = traceResource(parts.serviceName);
    const provider = new TracerProvider({ resource, idGenerator: this.#ids, spanProcessors });
    this.#tracer = provider.getTracer('dockerrun');
  }

  async traced<T>(
    { name, attributes, parent }: Parameters<Tracer['traced']>[0],
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    const above = parent ?? this.current();
    if (above !== undefined && !this.#isSampled(above)) return work(noSpan);
    const started = this.#tracer.startSpan(name, { attributes: { ...attributes } }, contextOf(above));
    const span = spanOf(started);
    try {
      return await this.#current.run(started.spanContext(), () => work(span));
    } catch (error) {
      span.fail(error);
      throw error;
    } finally {
      started.end();
    }
  }

  record({ name, context, start, end, attributes, errorType }: PastSpan): void {
    if (!this.#isSampled(context)) return;
    const options = { startTime: start, attributes: { ...attributes }, root: true };
    const span = this.#ids.give(context, () => this.#tracer.startSpan(name, options, ROOT_CONTEXT));
    if (errorType !== undefined) markFailed(span, errorType);
    span.end(end);
  }

  current(): SpanContext | undefined {
    return this.#current.getStore() ?? this.#parts.parent;
  }

  async close(longestMs: number): Promise<void> {
    const isOver = new AbortController();
    const late = sleep(longestMs, isOver.signal).catch(() => undefined);
    // What could not be sent was told by the exporter.
    const sent = this.#parts.processor.shutdown().catch(() => undefined);
    await Promise.race([sent, late]);
    isOver.abort();
  }

  #isSampled({ traceId }: SpanContext): boolean {
    return isSampled(traceId, this.#parts.share);
  }
}

/** The context of a sampled parent, which may be of another process. */
function contextOf(parent: SpanContext | undefined): api.Context {
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED });
}

function spanOf(started: api.Span): Span {
  return {
    set: (attributes) => void started.setAttributes({ ...attributes }),
    fail: (error) => markFailed(started, error instanceof RunError ? error.reason : kindOf(error)),
  };
}

/** The kind of an error that nobody classified. */
function kindOf(error: unknown): string {
  return error instanceof Error ? error.name : '_OTHER';
}

function markFailed(span: api.Span, errorType: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: errorType });
  span.setAttribute('error.type', errorType);
}

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

/** Random ids, but for the spans whose ids follow from a run. */
export class TraceIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #given: SpanContext | undefined;

  /** Does what starts one span, which gets these ids. */
  give<T>(context: SpanContext, start: () => T): T {
    this.#given = context;
    try {
      return start();
    } finally {
      this.#given = undefined;
    }
  }

  generateTraceId(): string {
    return this.#given?.traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.#given?.spanId ?? this.#random.generateSpanId();
  }
}

/** Who sends the spans: OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME of the process go before its own name. */
export function traceResource(serviceName: string): Resource {
  const detectors = [resourceAttributesEnvDetector, serviceNameEnvDetector];
  return defaultResource()
    .merge(resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }))
    .merge(detectResources({ detectors }));
}
