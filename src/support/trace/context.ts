import { createHash } from 'node:crypto';

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
