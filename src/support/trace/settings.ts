import { describe } from '../errors.ts';
import type { SpanContext } from './trace.ts';

/** The protocols of OTLP that traces are sent with; gRPC is not among them. */
export type TraceProtocol = 'http/protobuf' | 'http/json';

/** Whether traces are sent, and how; `problem` says in one sentence why they are not though somebody wanted them. */
export type TraceSettings =
  | { readonly kind: 'off'; readonly problem?: string }
  | { readonly kind: 'on'; readonly protocol: TraceProtocol; readonly server: string };

type Environment = Record<string, string | undefined>;

/** Who traces, below which span if not told otherwise, and who is told in one sentence when that does not work. */
export type TracingOptions = {
  readonly serviceName: string;
  readonly parent?: SpanContext | undefined;
  readonly onProblem: (sentence: string) => void;
};

/**
 * Reads the standard variables (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
 * Without an endpoint there are no traces: the standard's default, this very host, is nobody in a pod.
 */
export function traceSettings(environment: Environment): TraceSettings {
  const endpoint = ofTraces(environment, 'ENDPOINT');
  const isDisabled = environment['OTEL_SDK_DISABLED']?.toLowerCase() === 'true';
  if (endpoint === undefined || isDisabled) return { kind: 'off' };
  const exporter = environment['OTEL_TRACES_EXPORTER'] || 'otlp';
  if (exporter === 'none') return { kind: 'off' };
  if (exporter !== 'otlp')
    return off(`OTEL_TRACES_EXPORTER is "${exporter}", but only otlp and none are known`);
  const protocol = ofTraces(environment, 'PROTOCOL') ?? 'http/protobuf';
  if (protocol !== 'http/protobuf' && protocol !== 'http/json') {
    const advice = 'use http/protobuf or http/json, at the port for HTTP (4318)';
    return off(`the OTLP protocol "${protocol}" is not known here; ${advice}`);
  }
  return on(protocol, endpoint);
}

function on(protocol: TraceProtocol, endpoint: string): TraceSettings {
  try {
    const { origin, protocol: scheme } = new URL(endpoint);
    if (scheme === 'http:' || scheme === 'https:') return { kind: 'on', protocol, server: origin };
    return off('the OTLP endpoint must be a URL that begins with http:// or https://');
  } catch (error) {
    return off(`the OTLP endpoint is not a URL: ${describe(error)}`);
  }
}

function off(problem: string): TraceSettings {
  return { kind: 'off', problem: `no traces are sent: ${problem}` };
}

/** An exporter's setting: the one for traces goes before the one for everything. */
export function ofTraces(environment: Environment, name: string): string | undefined {
  const own = environment[`OTEL_EXPORTER_OTLP_TRACES_${name}`];
  return own || environment[`OTEL_EXPORTER_OTLP_${name}`] || undefined;
}

/** The share of traces that OTEL_TRACES_SAMPLER asks for, from 0 to 1; a run's root has no parent to follow. */
export function sampledShare(environment: Environment): number {
  switch (environment['OTEL_TRACES_SAMPLER']?.replace(/^parentbased_/, '')) {
    case 'always_off':
      return 0;
    case 'traceidratio': {
      const share = Number(environment['OTEL_TRACES_SAMPLER_ARG'] || 1);
      return share >= 0 && share <= 1 ? share : 1;
    }
    default:
      return 1;
  }
}

/** Whether a trace is within the share: everybody who asks decides alike, since only the id counts. */
export function isSampled(traceId: string, share: number): boolean {
  const [digits, values] = [13, 2 ** 52];
  return Number.parseInt(traceId.slice(-digits), 16) / values < share;
}
