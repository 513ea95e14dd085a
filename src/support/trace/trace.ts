import { createHash } from 'node:crypto';

/** The ids of a span, in W3C Trace Context's terms; both are lower-case hexadecimal. */
export type SpanContext = { readonly traceId: string; readonly spanId: string };

/** Undefined ones are left out. Never a secret, an argument of the target, or the query of a URL. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A span that is not over yet. */
export type Span = {
  readonly set: (attributes: Attributes) => void;
  /** Marks it as failed, with the kind of the error. Its text may quote private data and is not sent. */
  readonly fail: (error: unknown) => void;
};

/** A span that is recorded after its end, with ids that are already fixed. */
export type PastSpan = {
  readonly name: string;
  readonly context: SpanContext;
  readonly start: Date;
  readonly end: Date;
  readonly attributes: Attributes;
  /** The kind of its error, if it failed. */
  readonly errorType: string | undefined;
};

/** Records spans. None of its functions throws, and only `close` waits for the collector. */
export type Tracer = {
  /** Runs the work within a span. Its parent is `parent`, or else the current span. */
  readonly traced: <T>(
    span: {
      readonly name: string;
      readonly attributes: Attributes;
      readonly parent?: SpanContext | undefined;
      /** When it began, if that was before the call. */
      readonly start?: Date | undefined;
    },
    work: (span: Span) => Promise<T>,
  ) => Promise<T>;
  readonly record: (span: PastSpan) => void;
  readonly current: () => SpanContext | undefined;
  /** Sends the remaining spans, for at most `longestMs` milliseconds. */
  readonly close: (longestMs: number) => Promise<void>;
};

/** The span of work that is not traced. */
export const noSpan: Span = { set: () => undefined, fail: () => undefined };

/** One for the process, as in OpenTelemetry: a tracer in every signature would be hard to read. */
let installed: Tracer | undefined;

/** Sets the tracer of the process; undefined ends tracing. */
export function installTracer(tracer: Tracer | undefined): void {
  installed = tracer;
}

/** Runs the work within a span if tracing is on; its parent is `parent`, or else the current span. */
export function traced<T>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<T>,
  parent?: SpanContext,
): Promise<T> {
  return installed === undefined ? work(noSpan) : installed.traced({ name, attributes, parent }, work);
}

/** Records a span that ends now, and began before its parent was known. */
export function recordSince(name: string, attributes: Attributes, start: Date, parent: SpanContext): void {
  void installed?.traced({ name, attributes, parent, start }, async () => undefined);
}

export function recordSpan(span: PastSpan): void {
  installed?.record(span);
}

/** The span in which this is called; undefined outside any span, or if tracing is off. */
export function currentSpan(): SpanContext | undefined {
  return installed?.current();
}

/**
 * The variable that passes a context to a process
 * (https://opentelemetry.io/docs/specs/otel/context/env-carriers/).
 */
export const traceparentVariable = 'TRACEPARENT';

/**
 * The root span of a run. Both ids are derived from the run's uid, so every process, attempt and restarted
 * controller uses the same trace without storing it; the trace id is the uid without its dashes.
 */
export function rootSpanOf(runUid: string): SpanContext {
  const digest = createHash('sha256').update(runUid).digest('hex');
  const digits = runUid.replaceAll('-', '').toLowerCase();
  const isTraceId = /^[0-9a-f]{32}$/.test(digits) && !isZero(digits);
  return { traceId: isTraceId ? digits : digest.slice(0, 32), spanId: digest.slice(32, 48) };
}

/** The `traceparent` of a sampled span (https://www.w3.org/TR/trace-context/#traceparent-header). */
export function traceparent({ traceId, spanId }: SpanContext): string {
  return `00-${traceId}-${spanId}-01`;
}

/** Parses a `traceparent`; undefined if it is missing, invalid or not sampled. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const parts = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/.exec(text ?? '');
  const [, traceId = '', spanId = '', flags = ''] = parts ?? [];
  const isSampled = (Number.parseInt(flags, 16) & 1) === 1;
  return isSampled && !isZero(traceId) && !isZero(spanId) ? { traceId, spanId } : undefined;
}

const isZero = (id: string) => /^0*$/.test(id);
