import { describe } from '../errors.ts';
import type { SpanContext } from './trace.ts';

/** The supported protocols of OTLP; gRPC is not one of them. */
export type TraceProtocol = 'http/protobuf' | 'http/json';

/** Whether and how traces are sent; `problem` says in a sentence why a configuration cannot be used. */
export type TraceSettings =
  | { readonly kind: 'off'; readonly problem?: string }
  | { readonly kind: 'on'; readonly protocol: TraceProtocol; readonly server: string };

type Environment = Record<string, string | undefined>;

export type TracingOptions = {
  readonly serviceName: string;
  /** The parent of spans that are started outside any span. */
  readonly parent?: SpanContext | undefined;
  /** Receives one sentence when traces cannot be sent. */
  readonly onProblem: (sentence: string) => void;
};

/**
 * Reads the standard variables
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Without an endpoint
 * there are no traces: at the standard's default, localhost, nothing listens in a pod.
 */
export function traceSettings(environment: Environment): TraceSettings {
  const endpoint = traceVariable(environment, 'ENDPOINT');
  const isDisabled = environment['OTEL_SDK_DISABLED']?.toLowerCase() === 'true';
  if (endpoint === undefined || isDisabled) return { kind: 'off' };
  const exporter = environment['OTEL_TRACES_EXPORTER'] || 'otlp';
  if (exporter === 'none') return { kind: 'off' };
  if (exporter !== 'otlp')
    return off(`OTEL_TRACES_EXPORTER is "${exporter}", but only otlp and none are supported`);
  const protocol = traceVariable(environment, 'PROTOCOL') ?? 'http/protobuf';
  if (protocol !== 'http/protobuf' && protocol !== 'http/json') {
    const remedy = 'use http/protobuf or http/json, with the port for HTTP (4318)';
    return off(`the OTLP protocol "${protocol}" is not supported; ${remedy}`);
  }
  return on(protocol, endpoint);
}

function on(protocol: TraceProtocol, endpoint: string): TraceSettings {
  try {
    const { origin, protocol: scheme } = new URL(endpoint);
    if (scheme === 'http:' || scheme === 'https:') return { kind: 'on', protocol, server: origin };
    return off('the OTLP endpoint must be a URL that starts with http:// or https://');
  } catch (error) {
    return off(`the OTLP endpoint is not a URL: ${describe(error)}`);
  }
}

function off(problem: string): TraceSettings {
  return { kind: 'off', problem: `traces are not sent: ${problem}` };
}

/** A setting of the exporter; the variable for traces takes precedence over the one for all signals. */
export function traceVariable(environment: Environment, name: string): string | undefined {
  const own = environment[`OTEL_EXPORTER_OTLP_TRACES_${name}`];
  return own || environment[`OTEL_EXPORTER_OTLP_${name}`] || undefined;
}

/**
 * The share of traces, from 0 to 1, that OTEL_TRACES_SAMPLER sets. `parentbased_` is ignored: the root of a
 * run has no parent.
 */
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

/** Whether a trace is within the share. Only its id counts, so all processes decide alike. */
export function isSampled(traceId: string, share: number): boolean {
  const [digits, values] = [13, 2 ** 52];
  return Number.parseInt(traceId.slice(-digits), 16) / values < share;
}
