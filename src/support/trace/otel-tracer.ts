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
import { type Attributes, noSpan, type PastSpan, type Span, type SpanContext, type Tracer } from './trace.ts';

/** How long sending one batch may take; later spans wait in the bounded queue, or are dropped. */
const longestExportMs = 10_000;

/** A tracer that sends batches over OTLP with OpenTelemetry's SDK; its queue is bounded, no caller waits. */
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
  /** The parent of spans that are started outside any span. */
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
    { name, attributes, parent, start }: Parameters<Tracer['traced']>[0],
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    const effectiveParent = parent ?? this.current();
    if (effectiveParent !== undefined && !this.#isSampled(effectiveParent)) return work(noSpan);
    const context = contextOf(effectiveParent);
    const started = this.#tracer.startSpan(name, optionsOf(attributes, start), context);
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
    const span = this.#ids.use(context, () => this.#tracer.startSpan(name, options, ROOT_CONTEXT));
    if (errorType !== undefined) markFailed(span, errorType);
    span.end(end);
  }

  current(): SpanContext | undefined {
    return this.#current.getStore() ?? this.#parts.parent;
  }

  async close(longestMs: number): Promise<void> {
    const done = new AbortController();
    const timeout = sleep(longestMs, done.signal).catch(() => undefined);
    // The exporter has already reported any failure.
    const sent = this.#parts.processor.shutdown().catch(() => undefined);
    await Promise.race([sent, timeout]);
    done.abort();
  }

  #isSampled({ traceId }: SpanContext): boolean {
    return isSampled(traceId, this.#parts.share);
  }
}

function optionsOf(attributes: Attributes, start: Date | undefined): api.SpanOptions {
  return { attributes: { ...attributes }, ...(start === undefined ? {} : { startTime: start }) };
}

/** The OpenTelemetry context of a sampled parent, which may belong to another process. */
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

function kindOf(error: unknown): string {
  return error instanceof Error ? error.name : '_OTHER';
}

function markFailed(span: api.Span, errorType: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: errorType });
  span.setAttribute('error.type', errorType);
}

/** Generates random ids, except within `use`. */
class TraceIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #fixed: SpanContext | undefined;

  /** Calls `start`, which starts one span, so that the span gets the ids of `context`. */
  use<T>(context: SpanContext, start: () => T): T {
    this.#fixed = context;
    try {
      return start();
    } finally {
      this.#fixed = undefined;
    }
  }

  generateTraceId(): string {
    return this.#fixed?.traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.#fixed?.spanId ?? this.#random.generateSpanId();
  }
}

/** OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME take precedence over `serviceName`. */
function traceResource(serviceName: string): Resource {
  const detectors = [resourceAttributesEnvDetector, serviceNameEnvDetector];
  return defaultResource()
    .merge(resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }))
    .merge(detectResources({ detectors }));
}

/**
 * An exporter that reads the standard variables: endpoint, headers, time limit, compression, certificates. It
 * reports a failure to `onProblem` once, until sending works again.
 */
async function openExporter(
  { protocol, server }: { readonly protocol: TraceProtocol; readonly server: string },
  onProblem: (sentence: string) => void,
): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  const exporter = new OTLPTraceExporter();
  const note = firstFailureOnly((error) => onProblem(`cannot send traces to ${server}: ${describe(error)}`));
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        note(result.error);
        done(result);
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}

/** Reports the first of consecutive failures: a collector that is down for a night is one line in the log. */
function firstFailureOnly(report: (error: Error) => void): (error: Error | undefined) => void {
  let isFailing = false;
  return (error) => {
    if (error !== undefined && !isFailing) report(error);
    isFailing = error !== undefined;
  };
}
