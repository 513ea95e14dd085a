import { createHash } from 'node:crypto';

/** What is said of a span; what has no value is left out. Never a secret, an argument, or the query of a URL. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A span while it lasts. */
export type Span = {
  readonly set: (attributes: Attributes) => void;
  /** Marks it as failed with the kind of the error, not its text: that may quote what is nobody's business. */
  readonly fail: (error: unknown) => void;
};

/** A span that is told of after it ended, with the ids that it has to have. */
export type PastSpan = {
  readonly name: string;
  readonly context: SpanContext;
  readonly start: Date;
  readonly end: Date;
  readonly attributes: Attributes;
  /** The kind of its error, if it failed. */
  readonly errorType: string | undefined;
};

/** Takes spans; none of its functions waits for whoever they are sent to, but `close`, and none throws. */
export type Tracer = {
  /** Does the work within a span. Its parent is `parent`, or else the span that it is called in. */
  readonly traced: <T>(
    span: {
      readonly name: string;
      readonly attributes: Attributes;
      readonly parent?: SpanContext | undefined;
    },
    work: (span: Span) => Promise<T>,
  ) => Promise<T>;
  readonly record: (span: PastSpan) => void;
  /** The span that this is called in. */
  readonly current: () => SpanContext | undefined;
  /** Sends what is not sent yet, for so many milliseconds at most. */
  readonly close: (longestMs: number) => Promise<void>;
};

/** What work is given that nobody traces. */
export const noSpan: Span = { set: () => undefined, fail: () => undefined };

/** One for the process, as OpenTelemetry itself has it: a tracer in every signature would be in the way of reading. */
let installed: Tracer | undefined;

/** Makes this the tracer of the process, or none. */
export function installTracer(tracer: Tracer | undefined): void {
  installed = tracer;
}

/** Does the work within a span, if anybody traces; without `parent`, the span is part of the one that this is called in. */
export function traced<T>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<T>,
  parent?: SpanContext,
): Promise<T> {
  return installed === undefined ? work(noSpan) : installed.traced({ name, attributes, parent }, work);
}

/** Tells of a span that is over, if anybody traces. */
export function recordSpan(span: PastSpan): void {
  installed?.record(span);
}

/** The span that this is called in, if anybody traces. */
export function currentSpan(): SpanContext | undefined {
  return installed?.current();
}

/** Where a span is in its trace, in the words of W3C Trace Context; both ids are lower-case hexadecimal. */
export type SpanContext = { readonly traceId: string; readonly spanId: string };

/** The variable that hands a context to a process (https://opentelemetry.io/docs/specs/otel/context/env-carriers/). */
export const traceparentVariable = 'TRACEPARENT';

/**
 * The root span of a run. Both ids follow from the uid of the run, so that every process, attempt and restarted
 * controller is in the same trace though nobody keeps it; the trace id is the uid without its dashes.
 */
export function rootSpanOf(runUid: string): SpanContext {
  const digest = createHash('sha256').update(runUid).digest('hex');
  const digits = runUid.replaceAll('-', '').toLowerCase();
  const isTraceId = /^[0-9a-f]{32}$/.test(digits) && !isZero(digits);
  return { traceId: isTraceId ? digits : digest.slice(0, 32), spanId: digest.slice(32, 48) };
}

/** The context of a sampled span as a `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header). */
export function traceparent({ traceId, spanId }: SpanContext): string {
  return `00-${traceId}-${spanId}-01`;
}

/** The context that a `traceparent` gives, when there is one and it is sampled. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const parts = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/.exec(text ?? '');
  const [, traceId = '', spanId = '', flags = ''] = parts ?? [];
  const isSampled = (Number.parseInt(flags, 16) & 1) === 1;
  return isSampled && !isZero(traceId) && !isZero(spanId) ? { traceId, spanId } : undefined;
}

const isZero = (id: string) => /^0*$/.test(id);
